module github.com/cimg-go/cimg

go 1.26.0

require (
	github.com/oapi-codegen/runtime v1.8.0 // gen: what generated clients encode parameters with
	github.com/stretchr/testify v1.12.1 // indirect; tests: assertions
)

require (
	github.com/apapsch/go-jsonmerge/v2 v2.0.0 // indirect
	github.com/google/uuid v1.6.0 // indirect
)
