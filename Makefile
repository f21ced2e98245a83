# make test       installs what the tests need, checks format and lints, runs every test
# make bench      prints the figures of the micro benchmarks (a quiet machine helps)
# make load       prints throughput and latency beside a bare server
# make load-10m   the same at ten million entries: numbers, names, mixed traffic; and what each
#                 level of durability costs. ENTRIES=100000 tries it out
# make check-10m  a check in the process, at a million and at ten million entries: time, allocations,
#                 cache misses
# make swap-10m   swaps of ten million entries under mixed load: latency, memory, failed requests
# make soak       an hour (MINUTES=60) of mixed load at 3,000 requests a second (RATE=3000) on ten
#                 million entries with swaps, objections and feedback: does anything grow?
#                 Records of these go to benches/record; each takes a quiet machine
# make kill-100   the kill tests a hundred times; make kill-1000 twenty times fifty
# make schedules  100,000 seeded schedules each of log, journal and swap on a simulated disk
# make disk-figures  times of each class of answers on slow disks
# make faults-root  power cuts and a failing disk on loop mounts, too little memory in a control
#                 group; needs root (HECHA_CUTS=1000 for all)
# make audit      licences, sources and bans of all dependencies by cargo-deny; advisories where
#                 HECHA_ADVISORY_DB names a local copy of an advisory database
# make sbom       writes a list of everything the program is made of (CycloneDX)
# make export-readable  reads an exported log with DuckDB, pyarrow and pandas, which it installs by
#                 pip into a folder below target/, and with Spark where that folder and the machine
#                 have it (target/export/venv/bin/pip install pyspark; Java)
# make host       prints how exposed the units of deploy/ are

CARGO ?= cargo

.PHONY: test tools format lint bench load load-10m check-10m swap-10m soak kill-100 kill-1000 schedules disk-figures \
	faults-root audit sbom host export-readable

test: tools format lint
	$(CARGO) test --workspace --locked

# A C compiler builds the allocator; a fresh Debian machine lacks it.
tools:
	@command -v $(CARGO) >/dev/null || { \
	  echo "cargo is missing: install Rust 1.95 or later (rustup, or your distribution)"; exit 1; }
	@command -v cc >/dev/null || { \
	  echo "installing a C compiler"; apt-get update -qq && apt-get install -y -qq gcc libc6-dev; }
	@command -v systemd-analyze >/dev/null || { \
	  echo "installing systemd-analyze"; apt-get update -qq && apt-get install -y -qq systemd; }
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

load-10m check-10m swap-10m soak: export RECORD = 1
load-10m check-10m swap-10m soak: export ENTRIES ?= 10000000
MINUTES ?= 60
RATE ?= 3000

load-10m:
	$(CARGO) build --release --workspace --locked
	for kind in identifier name mixed; do KIND=$$kind ./loadtest/run.sh run || exit 1; done
	./loadtest/run.sh levels

check-10m:
	$(CARGO) build --release --workspace --locked
	./loadtest/run.sh check

swap-10m:
	$(CARGO) build --release --workspace --locked
	KIND=mixed ./loadtest/run.sh swap

soak:
	$(CARGO) build --release --workspace --locked
	KIND=mixed ./loadtest/run.sh soak --minutes $(MINUTES) --rate $(RATE)

kill-100:
	HECHA_KILL_ROUNDS=100 $(CARGO) test --release --locked --test faults -- --nocapture

# Tools of their own, built once below target/: none of them is needed to build or test.
TOOLS = target/tools

audit:
	@test -x $(TOOLS)/bin/cargo-deny || $(CARGO) install cargo-deny --locked --root $(TOOLS)
	$(TOOLS)/bin/cargo-deny --locked check licenses bans sources
	@if [ -n "$(HECHA_ADVISORY_DB)" ]; then \
	  find "$(HECHA_ADVISORY_DB)" -maxdepth 0 -mtime +90 -printf \
	    'warning: the advisory database is of %Tx, more than 90 days old\n'; \
	  test -x $(TOOLS)/bin/cargo-audit || \
	    $(CARGO) install cargo-audit --locked --root $(TOOLS); \
	  $(TOOLS)/bin/cargo-audit audit --db "$(HECHA_ADVISORY_DB)" --no-fetch --stale; \
	else \
	  echo "advisories: not checked; set HECHA_ADVISORY_DB to a local copy"; \
	fi

sbom:
	@test -x $(TOOLS)/bin/cargo-cyclonedx || \
	  $(CARGO) install cargo-cyclonedx --locked --root $(TOOLS)
	$(TOOLS)/bin/cargo-cyclonedx cyclonedx --format json --override-filename sbom.cdx
	@mkdir -p target/sbom && mv sbom.cdx.json target/sbom/hecha.cdx.json \
	  && rm -f loadtest/sbom.cdx.json && echo "target/sbom/hecha.cdx.json"

EXPORT = target/export

export-readable:
	@mkdir -p $(EXPORT) && rm -f $(EXPORT)/sample.parquet
	HECHA_EXPORT_KEPT=$(CURDIR)/$(EXPORT)/sample.parquet \
	  $(CARGO) test --locked --test blackbox export::a_table
	@test -x $(EXPORT)/venv/bin/pip || python3 -m venv $(EXPORT)/venv
	@$(EXPORT)/venv/bin/pip install --quiet duckdb pyarrow pandas
	$(EXPORT)/venv/bin/python tests/export/readable.py $(EXPORT)/sample.parquet

host:
	$(CARGO) test --locked --test host -- --nocapture the_units

kill-1000:
	for seed in $$(seq 20); do \
	  HECHA_KILL_ROUNDS=50 HECHA_KILL_SEED=$$seed \
	    $(CARGO) test --release --locked --test faults a_killed_server -- --nocapture || exit 1; \
	done

schedules:
	HECHA_SCHEDULES=100000 $(CARGO) test --release --locked --lib seeded -- --nocapture

disk-figures:
	HECHA_DISK_FIGURES=1 $(CARGO) test --release --locked --test faults slow_disk -- --nocapture

faults-root:
	@if [ "$$(id -u)" != 0 ] || ! command -v mkfs.ext4 >/dev/null || ! command -v mkfs.xfs >/dev/null \
	  || ! losetup -f >/dev/null 2>&1; then \
	  echo "SKIPPED: needs root, loop devices, mkfs.ext4 and mkfs.xfs (e2fsprogs, xfsprogs)"; \
	else \
	  $(CARGO) test --release --locked --test faults -- power:: memory:: --ignored --nocapture \
	    --test-threads 1; \
	fi
