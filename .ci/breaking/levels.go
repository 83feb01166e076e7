package main

import "github.com/oasdiff/oasdiff/checker"

// raised are the changes that oasdiff calls compatible, and that break ours.
// What it calls breaking stays so, a warning included.
//
// Not raised, on purpose:
//
//   - New operations, optional request members, reply members, error statuses,
//     media types: the contract says that replies may carry more than it lists,
//     and a new method of gen's interfaces breaks only who implements them.
//   - What requests may become (wider) and replies (narrower): types that change
//     so in Go are found in generated.go.
//   - Tags, deprecations, titles: nobody's program reads them.
var raised = levels(
	// The function, and the types of its parameters and replies, get new names.
	checker.APIOperationIdRemovedId,
	// The type is gone, or has a new name. Nobody else notices.
	checker.APISchemasRemovedId,

	// Semantic versions know no notice that makes a removal compatible.
	"api-path-removed-with-deprecation",
	"api-removed-with-deprecation",
	"request-parameter-removed-with-deprecation",

	// Optional or not, who reads it now finds nothing.
	"response-optional-property-removed",
	"optional-response-header-removed",
	"response-optional-property-became-write-only",
	"response-required-property-became-write-only",
	// And who sends it may be refused.
	"request-optional-property-became-read-only",
	"request-required-property-became-read-only",

	// Who leaves the member out gets something else than before. A default that
	// is added only says what happened already.
	"request-property-default-value-changed",
	"request-property-default-value-removed",
	"request-body-default-value-changed",
	"request-body-default-value-removed",
	"request-parameter-default-value-changed",
	"request-parameter-default-value-removed",

	// Who reads or writes by a discriminator takes one schema for another.
	"request-body-discriminator-mapping-changed",
	"request-body-discriminator-mapping-deleted",
	"request-body-discriminator-property-name-changed",
	"request-body-discriminator-removed",
	"request-property-discriminator-mapping-changed",
	"request-property-discriminator-mapping-deleted",
	"request-property-discriminator-property-name-changed",
	"request-property-discriminator-removed",
	"response-body-discriminator-mapping-changed",
	"response-body-discriminator-mapping-deleted",
	"response-body-discriminator-property-name-changed",
	"response-body-discriminator-removed",
	"response-property-discriminator-mapping-changed",
	"response-property-discriminator-mapping-deleted",
	"response-property-discriminator-property-name-changed",
	"response-property-discriminator-removed",

	// A reader that knows 200 alone takes any other status for a failure, and a
	// change that was made for one that was not.
	"response-success-status-added",
)

func levels(ids ...string) map[string]checker.Level {
	all := map[string]checker.Level{}
	for _, id := range ids {
		all[id] = checker.ERR
	}
	return all
}

const pointers = " (see that gen/overlay.yaml keeps its Go type: pointer or value)"

// hints go with what is compatible on the wire, and in Go only if the generator
// is told so: whether a member is a pointer is decided outside of the contract.
var hints = map[string]string{
	"request-property-became-optional":      pointers,
	"request-property-became-nullable":      pointers,
	"request-parameter-became-optional":     pointers,
	"response-property-became-required":     pointers,
	"response-property-became-not-nullable": pointers,
}
