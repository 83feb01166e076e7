package main

import "testing"

// Whoever holds the default to such a schema never comes back.
var endlessDefault = edit{"  schemas:", "\n", "\n    A: {items: {$ref: '#/components/schemas/A'}, default: [[]]}\n"}

func TestAPastWithAnEndlessDefault(t *testing.T) {
	good := versioned(t, realContract(t), "1.4.2")
	report := compared(t, edited(t, good, endlessDefault), edited(t, good, edit{"    JobsReply:", "required: [errno, ", "required: ["}))
	requireFinding(t, report, breaks(readers, everyJobsReply, "`errno` became optional"))
}

// Each side is sound, and so is each change. Halfway between them it is endless.
func TestAMixtureWithAnEndlessDefault(t *testing.T) {
	base := edited(t, versioned(t, realContract(t), "1.4.2"), edit{"  schemas:", "\n", "\n    A: {items: {$ref: '#/components/schemas/X'}, default: [[]]}\n    X: {type: array, items: {type: string}}\n"})
	revision := edited(t, base, edit{"    A:", "{items", "{type: array, items"}, edit{"    X:", "{type: array, items: {type: string}}", "{items: {$ref: '#/components/schemas/A'}}"},
		edit{"    JobsReply:", "required: [errno, ", "required: ["})
	requireFinding(t, compared(t, base, revision), breaks(readers, everyJobsReply, "`errno` became optional"))
}
