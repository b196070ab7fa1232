# What a person types. Everything else is behind these.
GO      ?= go
PORT    ?= 8080
DATA    ?= ./var
TOOLS   := $(CURDIR)/bin/tools
LINT    := $(TOOLS)/golangci-lint-v2.15.0
VULN    := $(TOOLS)/govulncheck-v1.9.0
S3      := $(TOOLS)/versitygw-v1.8.0
# SQLite's translated C and the ciphers only compute; instrumented they are up to ten times slower and make the suite an hour.
# Everything else, this program first, runs with the race detector. A package that instantiates sync's generics (sync.Map, as
# modernc.org/libc does) must not stand here: the linker may take its uninstrumented copy for everybody, which shows false races.
COMPUTE := modernc.org/sqlite/lib modernc.org/memory golang.org/x/crypto/... golang.org/x/net/html/... golang.org/x/text/...
RACE    := -race $(foreach p,$(COMPUTE),-gcflags=$(p)=-race=false)
VERSION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)

.PHONY: run build test check bench generate needs clean

run: build ## build and start the demo; prints its address and sign-in names
	./bin/securepractice demo --port $(PORT) --data $(DATA)

build:
	$(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/securepractice ./cmd/securepractice

generate: ## templ pages, lowered CSS, bundled JavaScript; the results are committed
	$(GO) tool templ generate -log-level error
	$(GO) generate ./...

test: needs $(S3) ## every test, both databases, race detector, real browser
	$(GO) test $(RACE) -timeout 25m ./...

check: $(LINT) $(VULN) ## format, vet, lint, rooms, generated files, known vulnerabilities
	@test -z "$$(gofmt -l cmd internal e2e bench | grep -v _templ.go || true)" || { echo "not formatted (run gofmt -w):"; gofmt -l cmd internal e2e bench; exit 1; }
	$(GO) mod tidy -diff
	$(GO) vet -tags bench ./...
	$(LINT) run --allow-parallel-runners
	$(GO) test ./internal/app -run 'TestRooms|TestRoutes'
	.ci/generated
	.ci/vulnerabilities $(VULN)

bench: needs $(S3) ## the figures of DESIGN, each beside the machine's own limit; writes var/bench.json
	@mkdir -p var
	SECUREPRACTICE_TEST_DURABLE=1 $(GO) test -tags bench -count=1 -timeout 60m -v ./bench -args -out $(CURDIR)/var/bench.json

needs: ## Chromium and PostgreSQL: installed by apt when root, else named
	@.ci/needs

$(LINT):
	@mkdir -p $(TOOLS)
	GOBIN=$(TOOLS) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 && mv $(TOOLS)/golangci-lint $@

$(VULN):
	@mkdir -p $(TOOLS)
	GOBIN=$(TOOLS) $(GO) install golang.org/x/vuln/cmd/govulncheck@v1.9.0 && mv $(TOOLS)/govulncheck $@

$(S3): # an S3 service on a folder, for the tests
	@mkdir -p $(TOOLS)
	GOBIN=$(TOOLS) $(GO) install github.com/versity/versitygw/cmd/versitygw@v1.8.0 && mv $(TOOLS)/versitygw $@

clean:
	rm -rf bin var .ci/vulndb
