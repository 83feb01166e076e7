package exchange

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
)

// readAhead is the length of the buffer that net/http reads into.
const readAhead = 2 << 10

// quietConn is a connection that never has anything to read unless a request is
// under way: net/http would write it to the standard logger, and it may be a
// response that repeats the token; or take it for the response to the next request. A
// connection with such bytes looks closed.
type quietConn struct {
	net.Conn
	in        *bufio.Reader
	unread    atomic.Bool  // something is in the buffer
	announced atomic.Bool  // the next write begins a request
	underWay  atomic.Int32 // requests; a new one may begin before the last one's end is noted
	begins    atomic.Bool  // a response is to come, of which nothing was read
	ofHead    atomic.Bool  // it is that of a HEAD
	response  response     // the one that is read
}

func quiet(conn net.Conn, err error) (net.Conn, error) {
	if err != nil {
		return nil, err
	}
	return &quietConn{Conn: conn, in: bufio.NewReaderSize(conn, readAhead)}, nil
}

// Read gives net/http's own buffer no more than is certain to be of the response at hand.
// What is larger than the buffer reads from a body, and not beyond it.
func (c *quietConn) Read(p []byte) (int, error) {
	if c.underWay.Load() < 1 && c.unread.Load() {
		return 0, io.EOF // net/http closes the connection; a write may come first, and fails
	}
	_, err := c.in.Peek(1)
	if c.begins.CompareAndSwap(true, false) {
		c.response = response{inHeader: true, hasBody: !c.ofHead.Load(), line: c.response.line[:0]}
	}
	if len(p) <= readAhead {
		buffered, _ := c.in.Peek(c.in.Buffered())
		p = p[:min(c.response.certain(buffered), len(p))]
	}
	n := 0
	if err == nil {
		n, err = c.in.Read(p)
	}
	c.response.read(p[:n])
	c.unread.Store(c.in.Buffered() > 0)
	if c.underWay.Load() < 1 {
		return 0, io.EOF
	}
	return n, err
}

var errUnsolicited = errors.New("the server sent more than a response")

func (c *quietConn) Write(p []byte) (int, error) {
	if c.announced.CompareAndSwap(true, false) {
		if c.unread.Load() {
			return 0, errUnsolicited
		}
		c.ofHead.Store(bytes.HasPrefix(p, []byte(http.MethodHead)))
		c.begins.Store(true)
		c.underWay.Add(1)
	}
	return c.Conn.Write(p)
}

// response follows a response as it is read: where its header ends, and its body if
// that has a length. If in doubt, every byte may be the last.
type response struct {
	inHeader  bool
	hasStatus bool
	hasBody   bool   // of the length that the header says
	line      []byte // of the header, as far as it was read
	length    int    // of the rest of the body, as far as it is known
}

// certain returns how much of what can be read is of the response: a line of its
// header, or as much as its body is known to have, and at least one byte.
func (r *response) certain(available []byte) int {
	if !r.inHeader {
		return max(r.length, 1)
	}
	if end := bytes.IndexByte(available, '\n'); end >= 0 {
		return end + 1
	}
	return max(len(available), 1)
}

// read takes note of what was read.
func (r *response) read(p []byte) {
	for r.inHeader {
		line, rest, ended := bytes.Cut(p, []byte("\n"))
		if r.line = append(r.line, line...); !ended {
			return
		}
		r.endLine(bytes.TrimRight(r.line, "\r"))
		r.line, p = r.line[:0], rest
	}
	r.length -= len(p)
}

func (r *response) endLine(line []byte) {
	name, value, _ := bytes.Cut(line, []byte(":"))
	switch {
	case !r.hasStatus:
		r.hasStatus = true
		r.hasBody = r.hasBody && bytes.Contains(line, []byte(" 200 ")) // many others have none
	case len(line) == 0:
		if r.inHeader = false; !r.hasBody {
			r.length = 0
		}
	case bytes.EqualFold(name, []byte("Transfer-Encoding")): // whatever the length
		r.hasBody = false
	case bytes.EqualFold(name, []byte("Content-Length")):
		r.length, _ = strconv.Atoi(string(bytes.TrimSpace(value)))
	}
}
