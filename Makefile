# What a user runs. Everything needs only Go, git, make and a C compiler (for -race).

GO       ?= go
GOFLAGS  ?= -trimpath
LDFLAGS  := -s -w
PLUGINS  := groups mail folders calendar rules directory senders http ingest
FUZZTIME ?= 1m
FUZZ ?= .

export CGO_ENABLED = 0

.PHONY: build plugins compiled demo test lint bench fuzz clean

## build: bin/postern and dist/plugins/<name>/<version>/{plugin.toml,plugin.wasm}
build: bin/postern plugins

.PHONY: bin/postern
bin/postern:
	$(GO) build $(GOFLAGS) -ldflags "$(LDFLAGS)" -o $@ ./cmd/postern

## plugins: the modules, each in the folder that its manifest names
plugins:
	@for name in $(PLUGINS); do \
		version=$$(sed -n 's/^version = "\(.*\)".*/\1/p' plugins/$$name/plugin.toml | head -n 1); \
		folder=dist/plugins/$$name/$$version; \
		mkdir -p $$folder && \
		GOOS=wasip1 GOARCH=wasm $(GO) build $(GOFLAGS) -buildmode=c-shared -ldflags "$(LDFLAGS)" -o $$folder/plugin.wasm ./plugins/$$name && \
		cp plugins/$$name/plugin.toml $$folder/ && \
		printf '%-10s %-8s %8d bytes\n' $$name $$version $$(wc -c < $$folder/plugin.wasm) || exit 1; \
	done

## demo: what Postern does, in a minute, on this machine alone
demo: build
	@bin/postern demo --plugins dist/plugins

## test: every test, with the race detector
test: plugins compiled
	POSTERN_TEST_CACHE=$(CURDIR)/dist/cache CGO_ENABLED=1 $(GO) test -race -timeout 25m ./...
	cd examples/hello-plugin && CGO_ENABLED=1 $(GO) test -race ./...

# The race detector makes the compiler of modules ten times as slow: some tests have them compiled without it, for all others.
compiled:
	POSTERN_TEST_CACHE=$(CURDIR)/dist/cache $(GO) test -run '^(TestActionsMake|TestMailIsTakenApart|TestATriggerIsPolledPageByPage)' ./host

## lint: formatting, vet, staticcheck, and govulncheck where its database can be reached
lint:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "not formatted: $$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	@$(GO) tool govulncheck ./... || test $$? -ne 3

## bench: the standard benchmarks, and bench/results.json from them
bench: plugins
	@mkdir -p bench
	$(GO) run ./bench -o bench/results.json

## fuzz: every fuzz target for FUZZTIME (1m); FUZZ=Weave takes those with that in their names
# alone. Go before 1.27 can report the end of that time as a failure (go.dev/issue/75804); a
# finding always writes the failing input. Inputs that are merely new are not made smaller: that
# takes a minute each where one run takes milliseconds.
fuzz:
	@out=$$(mktemp); trap 'rm -f $$out' EXIT; \
	for target in $$(grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u); do \
		for name in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]+' $$target/*_test.go | sed 's/^func //' | grep -E '$(FUZZ)'); do \
			echo "$$target $$name"; \
			$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x $$target > $$out 2>&1 && tail -n 1 $$out && continue; \
			cat $$out; \
			grep -q 'context deadline exceeded' $$out && ! grep -q 'Failing input written' $$out || exit 1; \
		done; \
	done

clean:
	rm -rf bin dist bench/results.json
