// Command wrapper creates an image with the wrapper, and waits for it.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/cimg-go/cimg/wrapper"
)

func main() {
	client, err := wrapper.New(wrapper.EnvToken("TOKEN"))
	if err != nil {
		fmt.Println(err)
		return
	}
	created, err := client.CreateImage(context.Background(), "gz", wrapper.CreateImageInput{Name: "web-01", SnapUUID: os.Args[1]})
	if err != nil {
		fmt.Println(err)
		return
	}
	image, err := created.Wait(context.Background())
	fmt.Println(image, err)
}
