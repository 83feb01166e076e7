// Command decoder is nethttp with the decoder that the wrapper has.
package main

import (
	"fmt"
	"net/http"
	"os"

	"github.com/go-json-experiment/json"
)

func main() {
	response, err := http.Get(os.Args[1])
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	var body any
	err = json.UnmarshalRead(response.Body, &body)
	fmt.Println(body, err)
}
