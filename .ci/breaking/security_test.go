package main

import "strings"

func scheme(members ...string) edit {
	return edit{"  securitySchemes:", "      type: http\n      scheme: bearer\n", "      " + strings.Join(members, "\n      ") + "\n"}
}

const (
	credentials = "clientCredentials: {tokenUrl: 'https://a', scopes: {}}"
	password    = "password: {tokenUrl: 'https://a', scopes: {}}"
)

var securityMutations = []mutation{
	{"bearer in other letters", nil, edits(edit{"  securitySchemes:", "scheme: bearer", "scheme: Bearer"}), nil},
	{"header of a key in other letters", edits(scheme("type: apiKey", "in: header", "name: X-Key")), edits(edit{"  securitySchemes:", "X-Key", "x-key"}), nil},
	{"parameter of a key in other letters", edits(scheme("type: apiKey", "in: query", "name: Key")), edits(edit{"  securitySchemes:", "name: Key", "name: key"}),
		[]finding{breaks(callers, all, "calls with `apiKey query Key` are no longer accepted")}},
	{"address for renewed tokens added", edits(scheme("type: oauth2", "flows: {"+credentials+"}")), edits(edit{"  securitySchemes:", "tokenUrl:", "refreshUrl: 'https://b', tokenUrl:"}), nil},
	{"flow added", edits(scheme("type: oauth2", "flows: {"+credentials+"}")), edits(edit{"  securitySchemes:", credentials, credentials + ", " + password}),
		[]finding{fine(all, "calls with `oauth2 password` are accepted, too")}},
	{"flow replaced", edits(scheme("type: oauth2", "flows: {"+credentials+"}")), edits(edit{"  securitySchemes:", credentials, password}),
		[]finding{breaks(callers, all, "calls with `oauth2 clientCredentials` are no longer accepted; now it takes `oauth2 password`")}},
	{"address of tokens changed", edits(scheme("type: oauth2", "flows: {"+credentials+"}")), edits(edit{"  securitySchemes:", "https://a", "https://b"}),
		[]finding{breaks(callers, all, "calls with `oauth2 clientCredentials` are no longer accepted")}},
	{"scheme with flows required, too", edits(scheme("type: oauth2", "flows: {"+credentials+", "+password+"}"), edit{"  securitySchemes:", "\n", "\n    key: {type: apiKey, in: header, name: X-Key}\n"}),
		edits(edit{"\nsecurity:", "- bearerAuth: []", "- bearerAuth: [a]\n    key: []"}),
		[]finding{breaks(callers, all, "calls with `oauth2 password` are no longer accepted; now it takes `oauth2 clientCredentials` a and `apiKey header X-Key` or `oauth2 password` a and `apiKey header X-Key`")}},
}
