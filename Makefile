# Everything that people and CI do with this project. `make help` lists it.
#
# One cargo profile (release) for tests, demo, benchmarks and deployment, and always the whole workspace: with another
# selection of packages cargo gives some dependencies other features, and compiles wasmtime again.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

WASM_TARGET := wasm32-wasip2
WASMTIME_VERSION := 48.0.8
TOOLS := target/tools
WASMTIME := $(TOOLS)/bin/wasmtime
CARGO_DENY := $(TOOLS)/bin/cargo-deny
CARGO_FUZZ := $(TOOLS)/bin/cargo-fuzz
FERRETDB := $(TOOLS)/bin/ferretdb

.PHONY: help
help: ## Lists these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: demo
demo: build ## Shows everything at work: meters, market, a week of trading, what everybody paid
	target/release/rec-market demo

.PHONY: build
build: wasm-target ## Builds target/release/rec-market and target/algorithms/NAME.wasm
	cargo build --release --locked --workspace
	target/release/rec-market algorithm export --all --directory target/algorithms

.PHONY: certs
certs: build ## Makes development certificates in secrets/ (CERTS=--force replaces them)
	target/release/rec-market certs --directory secrets $(CERTS)

.PHONY: algorithms
algorithms: build ## Builds the nine base algorithms as components into target/algorithms

.PHONY: test
test: lint tools ## Everything CI runs: lints, unit, property, hostile, gRPC, wasmtime CLI and README tests
	cargo test --release --locked --workspace

.PHONY: lint
lint: wasm-target ## Formatting, clippy and documentation, all without warnings
	cargo fmt --all --check
	cargo clippy --release --locked --workspace --all-targets -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" cargo doc --release --locked --workspace --no-deps --quiet

.PHONY: check
check: test deny ## test, and the licences and sources of dependencies

.PHONY: deny
deny: $(CARGO_DENY) ## Licences, bans and sources of dependencies, by deny.toml
	$(CARGO_DENY) --all-features check licenses bans sources

.PHONY: bench
bench: wasm-target ## Benchmarks, as figures and ratios in one run (some minutes)
	cargo bench --locked --workspace --bench clear --bench matches --bench settle

# Without a sanitizer, which would need an unstable compiler: the laws are assertions, overflows panic, and there is no
# unsafe code of ours to look into.
FUZZ_SECONDS ?= 60
FUZZ_TARGETS := gate round upload

.PHONY: fuzz
fuzz: build $(CARGO_FUZZ) ## Fuzzes gate, rounds and uploads, FUZZ_SECONDS each (the first build takes a quarter of an hour)
	target/release/rec-market algorithm export --all --directory fuzz/corpus/seeds
	mkdir -p fuzz/corpus/gate fuzz/corpus/round fuzz/corpus/upload
	for file in fuzz/corpus/seeds/*.wasm; do \
		(printf '\0'; cat "$$file") > fuzz/corpus/gate/"$$(basename "$$file")"; \
	done
	for number in 1 2 3 4 5 6 7 8 9; do printf "\x$${number}\0\0\0\0" > fuzz/corpus/gate/changed-$$number; done
	cp fuzz/seeds/*.json fuzz/corpus/round/
	printf '\000\000\003\377\003\377\003\377' > fuzz/corpus/upload/whole
	for target in $(FUZZ_TARGETS); do \
		PATH="$(abspath $(TOOLS))/bin:$$PATH" cargo fuzz run --sanitizer none $$target -- \
			-max_total_time=$(FUZZ_SECONDS) -max_len=131072 -rss_limit_mb=4096 -timeout=60; \
	done

.PHONY: crash-test
crash-test: build tools ## Kills the service 300 times at random instants, over both stores, and audits the books (some minutes)
	REC_MARKET_TEST_KILLS=300 cargo test --release --locked --workspace --test service -- crash --nocapture

.PHONY: swarm-test
swarm-test: build tools ## Builds the image, deploys the stack on a Swarm of one node, kills replicas (as root, with docker.io)
	deploy/swarm/test.sh

.PHONY: tools
tools: wasm-target $(WASMTIME) $(FERRETDB) ## Installs what tests need into target/tools: the wasmtime CLI, a MongoDB-protocol server

.PHONY: wasm-target
wasm-target:
	@if ! test -d "$$(rustc --print target-libdir --target $(WASM_TARGET))"; then \
		rustup target add $(WASM_TARGET); \
	fi

# Unoptimised: it compiles in half the time, and runs small components only.
$(WASMTIME):
	CARGO_TARGET_DIR=$(TOOLS)/build cargo install wasmtime-cli --version $(WASMTIME_VERSION) --locked --debug \
		--no-default-features --features run,component-model,cranelift --root $(TOOLS)
	rm -rf $(TOOLS)/build

# Without Go the tests of the MongoDB store are skipped, and say so; in CI they fail.
#
# FerretDB looks a document up by its `_id` only if nothing else is asked of it, and reads the whole collection otherwise. The
# change of one line lets it do so always (it filters what it found in any case): the tests take a third of the time.
$(FERRETDB): $(wildcard tests/ferretdb/*)
	@if command -v go > /dev/null; then \
		rm -rf $(TOOLS)/ferretdb && mkdir -p $(@D) && cp -r tests/ferretdb $(TOOLS)/ferretdb && cd $(TOOLS)/ferretdb && \
		go mod vendor && \
		sed -i 's/if params.Filter.Len() == 1 {/if params.Filter.Len() >= 1 {/' \
			vendor/github.com/FerretDB/FerretDB/internal/backends/sqlite/collection.go && \
		go build -trimpath -o $(abspath $@) . && rm -rf $(abspath $(TOOLS))/ferretdb; \
	else \
		echo "No go command: the MongoDB-protocol server is not built, and the tests of the MongoDB store are skipped." \
			"(Install Go 1.24 or later, or name a server in REC_MARKET_TEST_MONGODB.)"; \
	fi

$(CARGO_DENY):
	CARGO_TARGET_DIR=$(TOOLS)/build cargo install cargo-deny --locked --root $(TOOLS)
	rm -rf $(TOOLS)/build

$(CARGO_FUZZ):
	CARGO_TARGET_DIR=$(TOOLS)/build cargo install cargo-fuzz --version 0.13.2 --locked --root $(TOOLS)
	rm -rf $(TOOLS)/build

.PHONY: clean
clean: ## Removes everything that was built, tools included
	cargo clean
