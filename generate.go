// Package cimg holds the contract of DiDi Cloud's custom-image API: the
// OpenAPI document that everything else in this module is made from or checked
// against.
//
// Programs that call the API want the package wrapper; programs that fake the
// service in their tests want the package emulator.
package cimg

import _ "embed"

//go:generate go run ./internal/validate openapi.yaml
//go:generate go tool -modfile=.ci/tools/go.mod oapi-codegen -config oapi-codegen.yaml openapi.yaml

// Spec is openapi.yaml, the contract (OpenAPI 3.0.3, YAML).
//
//go:embed openapi.yaml
var Spec []byte
