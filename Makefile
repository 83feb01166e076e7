.DEFAULT_GOAL := help

# Whatever surrounds the clone: a workspace, vendored modules, a target to
# cross-compile for.
export GOWORK := off
export GOFLAGS := -mod=readonly
unexport GOOS GOARCH

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-12s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## create an image and copy it, against an emulator
	go run ./cmd/cimg demo

.PHONY: fleet-demo
fleet-demo: ## copy 20 images on Temporal, and kill a worker, against an emulator
	.ci/fleet-demo

.PHONY: test
test: ## run the tests; needs Go only
	CGO_ENABLED=0 go test ./...
	cd tests/consumer && CGO_ENABLED=0 go test ./...

.PHONY: generate
generate: ## rewrite gen/ from openapi.yaml
	go generate ./...

.PHONY: contract
contract: ## run other languages' tools on openapi.yaml; needs Node.js and Chromium
	.ci/contract

.PHONY: breaking
breaking: ## list what breaks users of the last release, or of REV=revision
	.ci/breaking "$(REV)"

.PHONY: docs
docs: ## build bin/cimg.html, the contract as a web page; needs Node.js
	go run ./internal/validate openapi.yaml
	cd tests/contract && npm run --silent tools && npm run --silent docs ../../bin/cimg.html

.PHONY: recording
recording: ## record docs/demo.svg; needs asciinema and Node.js
	.ci/recording

.PHONY: check
check: ## run what CI runs: contract, breaking changes, linters, race detector, fuzzing
	.ci/check

.PHONY: release
release: ## build the programs to hand out, with checksums and SBOMs, into dist/
	.ci/release

.PHONY: bench
bench: ## measure calls and waiting beside other clients; BENCH=Weight for one; ARGS=-update keeps the tables
	.ci/bench "$(or $(BENCH),.)" $(ARGS)

.PHONY: bench-check
bench-check: ## do calls allocate more than before? ARGS=-update accepts it
	cd tests/bench && go test -count=1 -run '^TestAllocations$$' $(ARGS)

.PHONY: fuzz
fuzz: ## fuzz what reads responses; INPUTS=10000000 for each target
	.ci/fuzz $(INPUTS)

.PHONY: mutation
mutation: ## do tests notice a changed operator? Takes half an hour; ARGS=wrapper/images.go
	.ci/mutation $(ARGS)

.PHONY: vuln
vuln: ## look for known vulnerabilities; needs the database at vuln.go.dev
	.ci/vuln $(ARGS)
