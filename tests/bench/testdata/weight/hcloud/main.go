// Command hcloud creates an image with hcloud-go, and waits for it.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/hetznercloud/hcloud-go/v2/hcloud"
)

func main() {
	client := hcloud.NewClient(hcloud.WithToken(os.Getenv("TOKEN")))
	created, _, err := client.Server.CreateImage(context.Background(), &hcloud.Server{ID: 1}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(created.Image, client.Action.WaitFor(context.Background(), created.Action))
}
