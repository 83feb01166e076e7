package contract

// isOf tells whether a value has the type that a kind asks for.
func isOf(n Node, kind string) bool {
	if kind == "count" {
		var count uint64
		return n.yaml.ShortTag() == "!!int" && n.yaml.Decode(&count) == nil
	}
	if kind == "number" || kind == "positive" {
		var number float64
		return typeOf(n) == "a number" && n.yaml.Decode(&number) == nil && (number > 0 || kind == "number")
	}
	return typeOf(n) == typeOfKind(kind)
}

// typeOfKind and typeOf name types in the words of JSON.
func typeOfKind(kind string) string {
	switch {
	case kind[0] == '[':
		return "an array"
	case kind == "text":
		return "text"
	case kind == "bool":
		return "true or false"
	case kind == "number":
		return "a number"
	case kind == "positive":
		return "a number above 0"
	case kind == "count":
		return "a whole number from 0"
	}
	return "an object"
}

func typeOf(n Node) string {
	switch {
	case n.IsObject():
		return "an object"
	case n.IsArray():
		return "an array"
	}
	switch n.yaml.ShortTag() {
	case "!!null":
		return "null"
	case "!!bool":
		return "true or false"
	case "!!int", "!!float":
		return "a number"
	case "!!timestamp":
		return "a date"
	}
	return "text"
}
