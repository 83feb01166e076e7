// Command nethttp sends a request with net/http, and decodes the response.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
)

func main() {
	response, err := http.Get(os.Args[1])
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	var body any
	err = json.NewDecoder(response.Body).Decode(&body)
	fmt.Println(body, err)
}
