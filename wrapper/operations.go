package wrapper

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/cimg-go/cimg/internal/oneline"
)

// operation is one operation of the contract.
type operation struct {
	id      string // operationId
	method  string
	path    string
	mutates bool // starts jobs; must reach the service at most once
}

var (
	opCreate     = operation{"createCIMG", http.MethodPost, "/dicloud/i/storage/cimg/create", true}
	opImport     = operation{"importCIMG", http.MethodPost, "/dicloud/i/storage/cimg/import", true}
	opChangeName = operation{"changeNameCIMG", http.MethodPost, "/dicloud/i/storage/cimg/changeName", true}
	opDelete     = operation{"deleteCIMG", http.MethodPost, "/dicloud/i/storage/cimg/delete", true}
	opList       = operation{"listCIMG", http.MethodPost, "/dicloud/i/storage/cimg/list", false}
	opJobResult  = operation{"getJobResult", http.MethodGet, "/dicloud/i/result", false}
)

// newCall returns a call of an operation, with a query or a body.
func (c *Client) newCall(ctx context.Context, op operation, about target, query string, body []byte) (*call, error) {
	req, err := http.NewRequestWithContext(ctx, op.method, c.address+op.path, nil) // the body comes beside it
	if err != nil {
		return nil, fmt.Errorf("cimg: building the request: %w", err)
	}
	req.URL.RawQuery = query
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return &call{op: op, req: req, body: body, target: about}, nil
}

// operationOf returns the operation that a request is for. One that is not in the
// contract is treated as mutating unless its method says otherwise.
func operationOf(req *http.Request) operation {
	for _, op := range []operation{opCreate, opImport, opChangeName, opDelete, opList, opJobResult} {
		if req.Method == op.method && strings.HasSuffix(req.URL.Path, op.path) {
			return op
		}
	}
	return operation{
		id:      oneline.Text(req.Method + " " + req.URL.Path),
		mutates: req.Method != http.MethodGet && req.Method != http.MethodHead,
	}
}
