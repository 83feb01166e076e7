module example.com/consumer

go 1.26.0

require github.com/cimg-go/cimg v0.0.0

require (
	github.com/apapsch/go-jsonmerge/v2 v2.0.0 // indirect
	github.com/go-json-experiment/json v0.0.0-20260820222146-c27c302e5fc3 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/oapi-codegen/runtime v1.8.0 // indirect
	golang.org/x/time v0.16.0 // indirect
)

replace github.com/cimg-go/cimg => ../..
