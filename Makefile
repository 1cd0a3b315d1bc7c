# make demo   from a fresh machine to a server you are logged in to
# make test   install what tests need, and run them all
# make check  the quick part of it: format, lints, rules of the house, licences
# make bench  measure the cloud on fake drivers
# make tempest AREA=identity   run an area of OpenStack's own test suite
# make gabbi  run the tests that OpenStack's placement has for its API

AREA = identity
WORKERS = 2

.PHONY: demo test check bench tempest gabbi

demo:
	demo/run

check:
	setup/install build
	cargo fmt --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	cargo xtask tidy
	cargo xtask licences

test:
	setup/install test
	$(MAKE) check
	guest/build
	guest/test
	cargo test --workspace --quiet
	FERROSTACK=$(CURDIR)/target/debug/ferrostack tests/run

bench:
	bench/run

tempest:
	setup/install build
	setup/install client
	cargo build --quiet --package ferrostack
	FERROSTACK=$(CURDIR)/target/debug/ferrostack tests/tempest/run $(AREA) --workers $(WORKERS)

gabbi:
	setup/install build
	setup/install client
	tests/gabbi/run
