module github.com/cimg-go/cimg/.ci/breaking

go 1.26.0

require (
	github.com/cimg-go/cimg v0.0.0 // its internal/contract reads contracts, and says where one is broken
	github.com/getkin/kin-openapi v0.152.0 // the documents that oasdiff compares, for the checks it lacks
	github.com/oasdiff/oasdiff v1.31.0 // finds what changed between two contracts
	github.com/stretchr/testify v1.12.1 // tests: assertions
	go.yaml.in/yaml/v3 v3.0.5 // every leaf of a contract: texts changed, and what no check judges
	golang.org/x/mod v0.42.0 // semantic versions: release tags, info.version
)

require (
	cloud.google.com/go v0.123.0 // indirect
	github.com/TwiN/go-color v1.4.1 // indirect
	github.com/go-openapi/jsonpointer v0.22.5 // indirect
	github.com/go-openapi/swag/jsonname v0.25.5 // indirect
	github.com/oasdiff/yaml v0.1.1 // indirect
	github.com/oasdiff/yaml3 v0.0.14 // indirect
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.3 // indirect
	github.com/tidwall/gjson v1.18.0 // indirect
	github.com/tidwall/match v1.2.0 // indirect
	github.com/tidwall/pretty v1.2.1 // indirect
	github.com/tidwall/sjson v1.2.5 // indirect
	github.com/wI2L/jsondiff v0.7.1 // indirect
	github.com/yargevad/filepathx v1.0.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)

require github.com/rogpeppe/go-internal v1.9.0 // indirect

replace github.com/cimg-go/cimg => ../..
