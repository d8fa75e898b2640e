# cutover: make demo | make test | make check | make bench | make help
# `make demo` and `make test` need Rust and a C compiler; everything else they see to themselves.

CARGO ?= cargo
SHELL := /bin/sh
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test test-cluster check bench bench-cluster pictures needs postgres rbac schema

help:            ## What can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' Makefile

demo: needs      ## A whole cutover to try: in the terminal, or as lines when there is none
	@$(CARGO) build --release --quiet --locked
	@if [ -t 0 ] && [ -t 1 ]; then exec target/release/cutover demo $(ARGS); \
	else exec target/release/cutover demo --headless $(ARGS); fi

test: needs      ## All tests, on real servers of their own
	@assets/postgres/ensure.sh --fetch >/dev/null || echo "SKIPPED: the newest PostgreSQL could not be fetched; tests run on the system's only"
	@assets/pgbouncer/ensure.sh >/dev/null || echo "SKIPPED: PgBouncer could not be fetched; nothing is tested behind a pooler"
	@status=0; $(CARGO) test --locked --no-fail-fast $(ARGS) || status=$$?; \
	CARGO="$(CARGO)" tests/cluster/test.sh || status=$$?; exit $$status

test-cluster: needs ## The tests on a real Kubernetes of their own, or on that of CUTOVER_TEST_KUBECONFIG
	@CARGO="$(CARGO)" tests/cluster/test.sh $(ARGS)

check:           ## Formatting, lints, documentation, licences
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items --quiet
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny --offline check bans licenses sources; \
	else echo "SKIPPED: cargo-deny is not installed (cargo install cargo-deny)"; fi

SIZES ?= S T M
bench: needs     ## Benchmarks, some ten minutes; the head-to-head goes into README (SIZES="S T M L" for 2 GB, too)
	$(CARGO) bench --locked --bench encode --bench screen
	$(CARGO) bench --locked --bench loaders -- $(SIZES) --readme $(ARGS)

bench-cluster: needs ## How fast each way to a database in a cluster is, on the Kubernetes of the tests
	@CARGO="$(CARGO)" tests/cluster/test.sh --bench $(ARGS)

pictures: needs  ## Draw the pictures of the documentation anew, from a real demo
	@$(CARGO) build --release --quiet --locked
	@$(CARGO) run --quiet --locked --example pictures -- target/release/cutover

rbac: needs      ## Write the Roles of assets/rbac anew
	@CUTOVER_WRITE_RBAC=1 $(CARGO) test --quiet --locked --test action rbac

schema:          ## Write the JSON schema of a runbook anew
	$(CARGO) run --quiet --locked -- schema > assets/runbook.schema.json

needs: postgres  ## What is missing, installed or told how
	@command -v $(CARGO) >/dev/null || { echo "Rust is missing: https://rustup.rs says how to get it" >&2; exit 1; }
	@command -v cc >/dev/null || if [ "$$(id -u)" = 0 ]; then apt-get install -y --no-install-recommends gcc libc6-dev; \
	else echo "A C compiler is missing: sudo apt-get install gcc libc6-dev" >&2; exit 1; fi
	@command -v setpriv >/dev/null || { echo "setpriv is missing: sudo apt-get install util-linux" >&2; exit 1; }

postgres:        ## PostgreSQL's programs: the system's, else a private copy
	@assets/postgres/ensure.sh
