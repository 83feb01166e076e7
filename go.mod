module github.com/cimg-go/cimg

go 1.26.0

require (
	github.com/getkin/kin-openapi v0.152.0 // emulator, make generate, tests: validate openapi.yaml, check requests and responses against it
	github.com/go-json-experiment/json v0.0.0-20260820222146-c27c302e5fc3 // wrapper: the upstream of encoding/json/v2, strict where encoding/json is not
	github.com/mattn/go-runewidth v0.0.30 // cmd/cimg: how many columns a character takes
	github.com/oapi-codegen/runtime v1.8.0 // gen: encodes parameters
	github.com/stretchr/testify v1.12.1 // tests: assertions
	github.com/swaggest/swgui v1.8.5 // cmd/cimg: the interactive page, Swagger UI with its assets
	github.com/urfave/cli/v3 v3.14.0 // cmd/cimg: the command line
	github.com/vbauerster/cupwriter v0.0.5 // cmd/cimg: what mpb draws with
	github.com/vbauerster/mpb/v8 v8.16.2 // cmd/cimg: a bar for each job, redrawn in place
	go.uber.org/goleak v1.3.0 // tests: goroutines that leak
	go.yaml.in/yaml/v3 v3.0.5 // cmd/cimg: scenarios, and the contract for the interactive page, in its own order
	golang.org/x/net v0.62.0 // tests: HTTP/2 frames that net/http servers do not send
	golang.org/x/sys v0.50.0 // internal/journal: locks on Windows
	golang.org/x/term v0.48.0 // cmd/cimg: whether there is a terminal, and how wide
	golang.org/x/time v0.16.0 // wrapper: the rate limit
	pgregory.net/rapid v1.3.0 // tests: random sequences of faults
)

require (
	github.com/VividCortex/ewma v1.2.0 // indirect
	github.com/acarl005/stripansi v0.0.0-20180116102854-5a71ef0e047d // indirect
	github.com/apapsch/go-jsonmerge/v2 v2.0.0 // indirect
	github.com/clipperhouse/uax29/v2 v2.7.0 // indirect
	github.com/go-openapi/jsonpointer v0.22.5 // indirect
	github.com/go-openapi/swag/jsonname v0.25.5 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/gorilla/mux v1.8.0 // indirect
	github.com/kr/pretty v0.3.1 // indirect
	github.com/oasdiff/yaml v0.1.1 // indirect
	github.com/oasdiff/yaml3 v0.0.14 // indirect
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.3 // indirect
	github.com/vearutop/statigz v1.4.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)
