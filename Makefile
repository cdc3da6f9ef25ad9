# `make demo` and `make test` are all that a fresh machine needs; the rest is for working on Sluice.

CARGO ?= cargo
# What the demo is told, e.g. `make demo ARGS=--once`.
ARGS ?=

.PHONY: help demo test bench lint fmt doc deny schemas readme ci clean

help:
	@echo 'make demo      see Sluice at work on simulated clusters (ARGS=--once ends by itself)'
	@echo 'make test      all tests; installs what they miss'
	@echo 'make bench     times beside kubectl and a flood of patches; needs what make test needs'
	@echo 'make lint      clippy, warnings are errors'
	@echo 'make fmt       format the source'
	@echo 'make doc       documentation of the library, in target/doc'
	@echo 'make deny      licences, sources and bans of the dependencies'
	@echo 'make schemas   write schemas/ anew from the code'
	@echo 'make readme    run the commands of README.md'
	@echo 'make ci        every gate, as a pull request must pass it'
	@echo 'make clean     remove what was built'

# Builds only what it runs.
demo:
	@.ci/requirements cargo cc
	$(CARGO) run --locked --profile demo --bin sluice -- demo $(ARGS)

test:
	@.ci/requirements cargo cc git
	@.ci/test

bench:
	$(CARGO) bench --locked --bench workload $(if $(ARGS),-- $(ARGS))

lint:
	$(CARGO) clippy --locked --all-targets -- -D warnings

fmt:
	$(CARGO) fmt

doc:
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --no-deps

deny:
	@.ci/deny

schemas:
	SLUICE_BLESS=1 $(CARGO) test --locked --lib -- \
		the_published_schemas_are_those_of_the_code every_type_of_every_kind_has_its_table

readme:
	$(CARGO) build --locked
	@.ci/readme target/debug

ci:
	@.ci/run

clean:
	$(CARGO) clean
