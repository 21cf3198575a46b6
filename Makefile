# make run    runs a scenario and draws its figure       SCENARIO=scenarios/fig2d.toml, OUTPUT=results
# make test   passes every test; make thorough the long comparisons in full
# Both look for libhdf5 first, and install it where they can.

SCENARIO ?= scenarios/error_vs_spacing.toml
OUTPUT ?= results
CARGO ?= cargo

.PHONY: run test thorough check bench gallery libhdf5

run: libhdf5
	@$(CARGO) run --release --locked --package homodyne -- run $(SCENARIO) --output $(OUTPUT) $(ARGUMENTS)

test: libhdf5
	$(CARGO) test --release --locked --workspace --exclude benches --exclude python
	scripts/test_python.sh

# the comparisons of which `make test` makes a part, in full: ten minutes on two cores
thorough: libhdf5
	HOMODYNE_THOROUGH=1 $(CARGO) test --release --locked --package tests --test suite

# what .ci/run does after the tests
check: libhdf5
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --release --workspace --no-deps --locked

bench: libhdf5
	$(CARGO) bench --package benches --locked

gallery: libhdf5
	scripts/make_gallery.sh

libhdf5:
	@scripts/need_libhdf5.sh
