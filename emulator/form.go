package emulator

import (
	"bytes"
	"encoding/json"
)

// exampleRegion is where the published example requests work: they name no
// region, and their snapshot and copy are in this one.
const exampleRegion = "gz"

// fromExampleForm brings a body in the form of the published examples into the
// form of the contract: a bare object as cimg becomes an array of one, a
// missing regionId is filled in, and so is the start of a list. Any other body
// is returned as it is.
func fromExampleForm(operation string, body []byte) []byte {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil || members == nil {
		return body
	}
	changed := false
	set := func(name, value string) {
		members[name] = json.RawMessage(value)
		changed = true
	}
	if item := members["cimg"]; bytes.HasPrefix(item, []byte("{")) {
		set("cimg", "["+string(item)+"]")
	}
	if _, present := members["regionId"]; !present {
		set("regionId", `"`+exampleRegion+`"`)
	}
	if _, present := members["start"]; !present && operation == "listCIMG" {
		set("start", "0")
	}
	if !changed {
		return body
	}
	normal, _ := json.Marshal(members) // of what has just been parsed
	return normal
}
