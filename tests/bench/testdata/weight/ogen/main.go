// Command ogen starts to create an image with a client that ogen generates.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/cimg-go/cimg/tests/contract/clients/ogen/generated"
)

type bearer struct{}

func (bearer) BearerAuth(context.Context, generated.OperationName) (generated.BearerAuth, error) {
	return generated.BearerAuth{Token: os.Getenv("TOKEN")}, nil
}

func main() {
	client, err := generated.NewClient(os.Args[1], bearer{})
	if err != nil {
		fmt.Println(err)
		return
	}
	created, err := client.CreateCIMG(context.Background(), &generated.CreateCIMGRequest{
		RegionId: "gz", Cimg: []generated.CreateCIMGInput{{Name: "web-01", SnapUuid: os.Args[2]}},
	})
	fmt.Println(created, err)
}
