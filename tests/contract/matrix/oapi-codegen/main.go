// Command oapi-codegen sends a request with a client that oapi-codegen has made of
// openapi.yaml, and prints the response:
//
//	oapi-codegen BASE_URL TOKEN create|jobs REQUEST
package main

import (
	"context"
	"encoding/json"
	"log"
	"net/http"
	"os"

	"github.com/cimg-go/cimg/tests/contract/matrix/generated/oapicodegen"
)

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

func send(ctx context.Context, baseURL, token, operation string, request []byte) (*oapicodegen.JobsEnvelope, error) {
	client, err := oapicodegen.NewClientWithResponses(baseURL, oapicodegen.WithRequestEditorFn(
		func(_ context.Context, req *http.Request) error {
			req.Header.Set("Authorization", "Bearer "+token)
			return nil
		}))
	if err != nil {
		return nil, err
	}
	if operation == "create" {
		var images oapicodegen.CreateCIMGRequest
		if err := json.Unmarshal(request, &images); err != nil {
			return nil, err
		}
		response, err := client.CreateCIMGWithResponse(ctx, images)
		if err != nil {
			return nil, err
		}
		return response.JSON200, nil
	}
	var jobs oapicodegen.GetJobResultParams
	if err := json.Unmarshal(request, &jobs); err != nil {
		return nil, err
	}
	response, err := client.GetJobResultWithResponse(ctx, &jobs)
	if err != nil {
		return nil, err
	}
	return response.JSON200, nil
}
