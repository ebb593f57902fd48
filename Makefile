# Every task of developers and CI. `make help` lists them.
#
# One cargo profile (release) for tests, demo, benchmarks and deployment, and two selections of packages: `rec-market`, and
# the whole workspace. runner/Cargo.toml makes cargo unify features alike for both; for another selection it would compile
# wasmtime again.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

WASM_TARGET := wasm32-wasip2
WASMTIME_VERSION := 48.0.8
TOOLS := target/tools
WASMTIME := $(TOOLS)/bin/wasmtime
CARGO_DENY := $(TOOLS)/bin/cargo-deny
CARGO_DENY_VERSION := 0.20.2
CARGO_FUZZ := $(TOOLS)/bin/cargo-fuzz
FERRETDB := $(TOOLS)/bin/ferretdb
NODE_CLIENT := $(TOOLS)/bin/node_modules
COMPONENTIZE_PY := $(TOOLS)/bin/componentize-py
QUICKJS := $(TOOLS)/bin/quickjs
ZIG := $(TOOLS)/bin/zig
CHROMIUM := $(TOOLS)/bin/chromium

.PHONY: help
help: ## List these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: demo
demo: build ## Run a complete demo: meters, market, a week of trading, and what each member paid
	target/release/rec-market demo

.PHONY: build
build: wasm-target ## Build target/release/rec-market and target/algorithms/NAME.wasm
	cargo build --release --locked --package rec-market
	target/release/rec-market algorithm export --all --directory target/algorithms

.PHONY: certs
certs: build ## Make development certificates in secrets/ (CERTS=--force replaces them)
	target/release/rec-market certs --directory secrets $(CERTS)

.PHONY: algorithms
algorithms: build ## Build the base algorithms as components in target/algorithms

# The tools are fetched and unpacked while the lints compute.
.PHONY: test
test: ## Run everything CI runs: lints, unit, property, hostile, gRPC, wasmtime CLI and README tests
	$(MAKE) --jobs=2 --output-sync=target lint tools
	cargo test --release --locked --workspace --no-fail-fast

.PHONY: lint
lint: wasm-target ## Check formatting, clippy and documentation; warnings are errors
	cargo fmt --all --check
	cargo clippy --release --locked --workspace --all-targets -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" cargo doc --release --locked --workspace --no-deps --quiet

.PHONY: check
check: test deny ## Run test and deny

.PHONY: deny
deny: $(CARGO_DENY) ## Check dependencies against deny.toml: licences, bans, sources and known vulnerabilities
	.ci/deny $(CARGO_DENY)

.PHONY: bench
bench: wasm-target ## Run the benchmarks and print figures and ratios (several minutes)
	cargo bench --locked --workspace --bench clear --bench interval --bench matches --bench settle --bench year

# Without a sanitizer, which would need a nightly compiler: the targets assert their laws, overflows panic, and the fuzzed
# code has no unsafe code of ours.
FUZZ_SECONDS ?= 60
FUZZ_TARGETS := gate round upload

.PHONY: fuzz
fuzz: build $(CARGO_FUZZ) ## Fuzz gate, rounds and uploads for FUZZ_SECONDS each (the first build takes 15 minutes)
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
crash-test: build tools ## Kill the service 300 times at random, with either store, and audit the books (several minutes)
	REC_MARKET_TEST_KILLS=300 cargo test --release --locked --workspace --test service -- crash --nocapture

# Communities x members of each.
SCALE ?= 10000x100

.PHONY: scale-test
scale-test: build ## Settle an interval of 10,000 communities of 100 members, with one replica and three, and print the figures
	REC_MARKET_TEST_SCALE=$(SCALE) cargo test --release --locked --workspace --test service -- scale:: --nocapture --test-threads=1

# Seconds of 200 pages each.
LOAD_SECONDS ?= 60

.PHONY: web-load-test
web-load-test: build ## Ask for 200 pages a second of a year of 100 members while intervals are settled, and print the figures
	REC_MARKET_TEST_LOAD=$(LOAD_SECONDS) cargo test --release --locked --workspace --test web -- load:: --nocapture

.PHONY: web-pictures
web-pictures: build tools ## Take a picture of every page in target/pictures, and make the one of the README anew
	mkdir -p target/pictures
	REC_MARKET_TEST_PICTURES=$(abspath target/pictures) cargo test --release --locked --workspace --test web -- pages:: demo::

.PHONY: scale-costs
scale-costs: build tools ## Measure what an interval of a community of 100 members costs, and write docs/scale-costs.json
	REC_MARKET_TEST_COSTS=$(abspath docs/scale-costs.json) \
		cargo test --release --locked --workspace --test service -- costs:: --nocapture

.PHONY: scale-simulation
scale-simulation: build ## Simulate an interval of a million communities on 1, 10 and 100 nodes, from the costs that were measured
	REC_MARKET_TEST_SIMULATION=1 cargo test --release --locked --workspace --test service -- simulation:: --nocapture

.PHONY: swarm-test
swarm-test: build tools ## Build the image, deploy the stack on a one-node Swarm, kill replicas (as root, with docker.io)
	deploy/swarm/test.sh

.PHONY: kits
kits: tools ## Build the authors' kits with the real toolchains, and test them against known answers and mistakes
	cargo test --release --locked --workspace --test algorithm -- kits:: --nocapture

.PHONY: bench-kits
bench-kits: build tools ## Measure each language: fuel, time and memory at 10, 1,000, 10,000 and 100,000 positions
	tests/benches/kits.sh

.PHONY: tools
tools: wasm-target $(WASMTIME) $(FERRETDB) $(NODE_CLIENT) $(COMPONENTIZE_PY) $(QUICKJS) $(ZIG) $(CHROMIUM) ## Install the tests' tools in target/tools: the wasmtime CLI, a MongoDB-protocol server, a gRPC client, a browser, authors' toolchains

.PHONY: wasm-target
wasm-target:
	@if ! test -d "$$(rustc --print target-libdir --target $(WASM_TARGET))"; then \
		rustup target add $(WASM_TARGET); \
	fi

# Unoptimised and without debug information: that builds faster, and the tests run small components only.
$(WASMTIME):
	CARGO_TARGET_DIR=$(TOOLS)/build CARGO_PROFILE_DEV_DEBUG=false CARGO_PROFILE_DEV_DEBUG_ASSERTIONS=false \
		CARGO_PROFILE_DEV_OVERFLOW_CHECKS=false cargo install wasmtime-cli --version $(WASMTIME_VERSION) --locked --debug \
		--no-default-features --features run,component-model,cranelift --root $(TOOLS)
	rm -rf $(TOOLS)/build

# Without Go the tests of the MongoDB store are ignored, as the run says; in CI they fail.
#
# FerretDB uses the index on `_id` only for queries by `_id` alone, and reads the whole collection for all others. This
# one-line patch makes it use the index for every query that names an `_id` (it filters the result anyway), which cuts the
# tests' time to a third.
$(FERRETDB): $(wildcard tests/ferretdb/*)
	@if command -v go > /dev/null; then \
		rm -rf $(TOOLS)/ferretdb && mkdir -p $(@D) && cp -r tests/ferretdb $(TOOLS)/ferretdb && cd $(TOOLS)/ferretdb && \
		go mod vendor && \
		sed -i 's/if params.Filter.Len() == 1 {/if params.Filter.Len() >= 1 {/' \
			vendor/github.com/FerretDB/FerretDB/internal/backends/sqlite/collection.go && \
		go build -trimpath -o $(abspath $@) . && rm -rf $(abspath $(TOOLS))/ferretdb; \
	else \
		echo "go is not installed: the MongoDB-protocol server is not built, and the tests of the MongoDB store are ignored" \
			"(install Go 1.24 or later, or set REC_MARKET_TEST_MONGODB to the address of a server)"; \
	fi

# The gRPC client with which the platform's other services call, and what drives a browser; pinned in tests/node. The link is
# made last.
$(NODE_CLIENT): tests/node/package.json tests/node/package-lock.json
	@if command -v npm > /dev/null; then \
		mkdir -p $(@D) $(TOOLS)/node && cp tests/node/package*.json $(TOOLS)/node && \
		(cd $(TOOLS)/node && npm ci --ignore-scripts --no-audit --no-fund) && ln -sfn ../node/node_modules $@; \
	else \
		echo "npm is not installed: the tests with the gRPC client of Node and with a browser are ignored (install Node 20 or later)"; \
	fi

# The browser that looks at the web page: the system's, or else Debian's, which root can install. Without windows it is the same
# engine, and the tests take half of the time: the whole browser makes its own bars and menus for every page, which nobody sees.
$(CHROMIUM):
	@mkdir -p $(@D); \
	if ! command -v chromium-headless-shell > /dev/null && command -v apt-get > /dev/null && test "$$(id -u)" = 0; then \
		apt-get update --quiet=2 && DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends \
			chromium-headless-shell fonts-dejavu-core > /dev/null || true; \
	fi; \
	browser=$$(command -v chromium-headless-shell || command -v chromium || true); \
	if test -n "$$browser"; then \
		ln -sfn "$$browser" $@; \
	else \
		echo "chromium is not installed: the tests with a browser are ignored (Debian: apt-get install chromium-headless-shell)"; \
	fi

# The toolchains of the kits, as the kits pin them. TypeScript's has all that JavaScript's has. Go is the system's.
$(COMPONENTIZE_PY): algorithms/kits/python/requirements.txt
	@$(call install-python,python,$<) && ln -sfn ../python/bin/componentize-py $@ && touch -h $@

$(ZIG): algorithms/kits/c/requirements.txt
	@$(call install-python,zig,$<) && printf '#!/bin/sh\nexec "%s" -m ziglang "$$@"\n' "$(abspath $(TOOLS))/zig/bin/python" > $@ && chmod +x $@

define install-python
if python3 -c 'import venv' 2> /dev/null; then \
	mkdir -p $(TOOLS)/bin && python3 -m venv $(TOOLS)/$(1) && \
	$(TOOLS)/$(1)/bin/pip install --quiet --disable-pip-version-check --requirement $(2); \
else \
	echo "Python with venv is not installed: the tests of a kit are ignored (Debian: apt-get install python3-venv)"; exit 0; \
fi
endef

$(QUICKJS): algorithms/kits/typescript/package.json algorithms/kits/typescript/package-lock.json
	@if command -v npm > /dev/null; then \
		mkdir -p $(@D) $(TOOLS)/typescript && cp algorithms/kits/typescript/package*.json $(TOOLS)/typescript && \
		(cd $(TOOLS)/typescript && npm ci --ignore-scripts --no-audit --no-fund) && \
		ln -sfn ../typescript/node_modules $@ && touch -h $@; \
	else \
		echo "npm is not installed: the tests of the JavaScript kit are ignored (install Node 20 or later)"; \
	fi

$(CARGO_DENY):
	CARGO_TARGET_DIR=$(TOOLS)/build cargo install cargo-deny --version $(CARGO_DENY_VERSION) --locked --root $(TOOLS)
	rm -rf $(TOOLS)/build

$(CARGO_FUZZ):
	CARGO_TARGET_DIR=$(TOOLS)/build cargo install cargo-fuzz --version 0.13.2 --locked --root $(TOOLS)
	rm -rf $(TOOLS)/build

.PHONY: clean
clean: ## Remove everything that was built, including the tools
	cargo clean
