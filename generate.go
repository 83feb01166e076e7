// Package cimg holds the contract of DiDi Cloud's custom-image API, openapi.yaml:
// everything else in this module is generated from it or tested against it.
//
// Programs that call the API use package wrapper; their tests use package
// emulator.
package cimg

import _ "embed"

//go:generate go run ./internal/validate openapi.yaml
//go:generate go run -mod=readonly -modfile=.ci/tools/go.mod github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen -config oapi-codegen.yaml openapi.yaml

// Spec is openapi.yaml, the contract (OpenAPI 3.0.3, YAML).
//
//go:embed openapi.yaml
var Spec []byte
