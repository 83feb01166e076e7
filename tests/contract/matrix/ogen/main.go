// Command ogen sends a request with a client that ogen has made of openapi.yaml,
// and prints the response:
//
//	ogen BASE_URL TOKEN create|jobs REQUEST
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"

	"github.com/cimg-go/cimg/tests/contract/matrix/generated/ogen"
)

type bearer string

func (b bearer) BearerAuth(context.Context, ogen.OperationName) (ogen.BearerAuth, error) {
	return ogen.BearerAuth{Token: string(b)}, nil
}

func main() {
	log.SetFlags(0)
	baseURL, token, operation, request := os.Args[1], os.Args[2], os.Args[3], []byte(os.Args[4])
	response, err := send(context.Background(), baseURL, token, operation, request)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(response)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func send(ctx context.Context, baseURL, token, operation string, request []byte) (any, error) {
	client, err := ogen.NewClient(baseURL, bearer(token))
	if err != nil {
		return nil, err
	}
	if operation == "create" {
		var images ogen.CreateCIMGRequest
		if err := json.Unmarshal(request, &images); err != nil {
			return nil, err
		}
		return client.CreateCIMG(ctx, &images)
	}
	var jobs ogen.GetJobResultParams
	if err := json.Unmarshal(request, &jobs); err != nil {
		return nil, err
	}
	return client.GetJobResult(ctx, jobs)
}
