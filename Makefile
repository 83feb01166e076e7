.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

.PHONY: demo
demo: ## create an image and copy it, against an emulator
	go run ./cmd/cimg demo

.PHONY: test
test: ## run the tests; needs Go alone
	CGO_ENABLED=0 go test ./...
	cd tests/consumer && CGO_ENABLED=0 go test ./...

.PHONY: generate
generate: ## rewrite gen/ from openapi.yaml
	go generate ./...

.PHONY: contract
contract: ## try openapi.yaml in the tools of other languages; needs Node.js and Chromium
	.ci/contract

.PHONY: breaking
breaking: ## tell what breaks users of the last release, or of REV=revision
	.ci/breaking "$(REV)"

.PHONY: docs
docs: ## make bin/cimg.html, the contract as a page for people; needs Node.js
	go run ./internal/validate openapi.yaml
	cd tests/contract && npm run --silent tools && npm run --silent docs ../../bin/cimg.html

.PHONY: check
check: ## run what CI runs: contract, drift, tidiness, format, linters, race detector
	.ci/check

.PHONY: bench
bench: ## measure waiting beside the policies that people use: requests, lateness, memory
	cd tests/bench && go test -run '^$$' -bench . -benchtime 1x -timeout 30m $(ARGS)

.PHONY: fuzz
fuzz: ## look for inputs that break the wrapper; INPUTS=10000000 for each target
	.ci/fuzz $(INPUTS)

.PHONY: mutation
mutation: ## change the wrapper, operator by operator: does a test notice? Takes half an hour
	cd .ci/mutation && go run . $(ARGS)

.PHONY: vuln
vuln: ## look up known vulnerabilities; needs the database at vuln.go.dev
	.ci/vuln $(ARGS)
