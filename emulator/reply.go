package emulator

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/cimg-go/cimg/gen"
)

// reply is an HTTP reply on its way out.
type reply struct {
	status int
	header http.Header
	body   []byte
	cut    bool // only the first half of the body is sent
}

// envelope is the body of every reply of the service. The generated types have
// one of these for each kind of data.
type envelope struct {
	Errno     int64  `json:"errno"`
	Errmsg    string `json:"errmsg"`
	RequestID string `json:"requestId"`
	Data      any    `json:"data,omitempty"`
}

// page is the data of a list reply as captured, where count shows even when it
// is 0. Whether the service counts the page or all images is not published;
// this counts all that match.
type page struct {
	Count int64         `json:"count"`
	Items []listedImage `json:"items"`
}

// listedImage is an image as captured: its members are present where the
// generated type would leave an empty one out.
type listedImage struct {
	gen.CIMG
	Description string `json:"description"`
	IsExternal  bool   `json:"isExternal"`
	IsShared    bool   `json:"isShared"`
	Tags        []any  `json:"cimgTags"`
}

func newListedImage(image gen.CIMG) listedImage {
	return listedImage{
		CIMG:        image,
		Description: image.Description,
		IsExternal:  image.IsExternal,
		IsShared:    image.IsShared,
		Tags:        append([]any{}, image.Tags...),
	}
}

// envelopeReply returns the reply that carries an envelope.
func envelopeReply(content envelope) reply {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	// This cannot fail: the types are plain and tags were tried with the stock.
	_ = encoder.Encode(content)
	return newReply(http.StatusOK, "application/json; charset=utf-8", body.Bytes())
}

func textReply(status int, text string) reply {
	return newReply(status, "text/plain; charset=utf-8", []byte(text+"\n"))
}

func newReply(status int, contentType string, body []byte) reply {
	header := http.Header{}
	if len(body) > 0 {
		header.Set("Content-Type", contentType)
		header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	return reply{status: status, header: header, body: body}
}

// sent returns the part of the body that is sent.
func (r reply) sent() []byte {
	if r.cut {
		return r.body[:len(r.body)/2]
	}
	return r.body
}
