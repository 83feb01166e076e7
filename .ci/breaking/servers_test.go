package main

func server(text string) edit {
	return edit{"\nservers:", "  - url: https://open.didiyunapi.com\n", "  - " + text + "\n"}
}

func serverAgain(old, text string) []edit { return edits(edit{"\nservers:", old, text}) }

const inRegions = "url: 'https://{region}.a', variables: {region: {default: gz, enum: [gz, bj]}}"

func withVariable(text string) edit {
	return edit{"\nservers:", "  - url: https://open.didiyunapi.com\n    description: Production. HTTPS only.\n", "  - {" + text + "}\n"}
}

var serverMutations = []mutation{
	{"server written otherwise", nil, edits(server("url: HTTPS://Open.Didiyunapi.com/")), nil},
	{"path of a server in other letters", edits(server("url: https://a/v1")), serverAgain("https://a/v1", "https://a/V1"),
		[]finding{breaks(callers, all, "the server `https://a/v1` is gone")}},
	{"variable of a server renamed", edits(withVariable(inRegions)),
		edits(edit{"\nservers:", "{region}", "{zone}"}, edit{"\nservers:", "{region:", "{zone:"}), nil},
	{"variable of a server replaced by its default", edits(withVariable("url: 'https://{host}', variables: {host: {default: a.b}}")),
		serverAgain("url: 'https://{host}', variables: {host: {default: a.b}}", "url: https://a.b"), nil},
	{"value of a server's variable removed", edits(withVariable(inRegions)), serverAgain("[gz, bj]", "[gz]"),
		[]finding{breaks(callers, all, "the server `https://bj.a` is gone")}},
	{"default of a server's variable changed", edits(withVariable(inRegions)), serverAgain("default: gz", "default: bj"),
		[]finding{breaks(callers, all, "the first server is `https://bj.a`, no longer `https://gz.a`")}},
}
