# make test       installs what the tests need, checks format and lints, runs every test
# make bench      prints the figures of the micro benchmarks (a quiet machine helps)
# make load       prints throughput and latency beside a bare server
# make kill-100   the kill test in its full length

CARGO ?= cargo

.PHONY: test tools format lint bench load kill-100

test: tools format lint
	$(CARGO) test --workspace --locked

# A C compiler builds the allocator; a fresh Debian machine lacks it.
tools:
	@command -v $(CARGO) >/dev/null || { \
	  echo "cargo is missing: install Rust 1.95 or later (rustup, or your distribution)"; exit 1; }
	@command -v cc >/dev/null || { \
	  echo "installing a C compiler"; apt-get update -qq && apt-get install -y -qq gcc libc6-dev; }
	@$(CARGO) fmt --version >/dev/null 2>&1 || rustup component add rustfmt
	@$(CARGO) clippy --version >/dev/null 2>&1 || rustup component add clippy

format:
	$(CARGO) fmt --all --check

lint:
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

bench:
	$(CARGO) bench --locked

load:
	$(CARGO) build --release --workspace --locked
	./loadtest/run.sh

kill-100:
	HECHA_KILL_ROUNDS=100 $(CARGO) test --release --locked --test faults -- --nocapture
