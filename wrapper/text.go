package wrapper

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/cimg-go/cimg/internal/oneline"
)

// parseText reads the text form of a reference: a prefix with the version, then
// fields as in a URL's query, of which url.ParseQuery reads no more than 10,000.
// Only the repeated ones may appear twice. A line break at the end is none of it.
func parseText(field, prefix string, text []byte, repeated ...string) (url.Values, error) {
	query, found := strings.CutPrefix(strings.TrimRight(string(text), "\r\n"), prefix)
	if !found {
		return nil, &InputError{Field: field, Reason: fmt.Sprintf("it does not begin with %q", prefix)}
	}
	v := make(url.Values)
	for part := range strings.SplitSeq(query, "&") {
		one, err := url.ParseQuery(part)
		if err != nil {
			return nil, &InputError{Field: field, Reason: oneline.Text(err.Error())}
		}
		for name, values := range one {
			v[name] = append(v[name], values...)
		}
	}
	for name, values := range v {
		if len(values) > 1 && !slices.Contains(repeated, name) {
			return nil, &InputError{Field: field, Reason: oneline.Text(name) + " appears twice"}
		}
	}
	return v, nil
}

func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// parseTime reads what formatTime wrote; empty is the zero time.
func parseTime(field, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return t, &InputError{Field: field, Reason: oneline.Text(err.Error())}
	}
	return t, nil
}
