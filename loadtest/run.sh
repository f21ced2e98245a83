#!/usr/bin/env bash
# Throughput and latency of hecha beside a bare server, at ENTRIES subjects (default 1,000,000).
# Everything is synthetic and stays under target/load.
set -euo pipefail
cd "$(dirname "$0")/.."
entries="${ENTRIES:-1000000}"
work="target/load/$entries"
hecha=target/release/hecha
load=target/release/loadtest
mkdir -p "$work"
[ -f "$work/list.ndjson" ] || "$load" gen --entries "$entries" --seed 1 --out "$work/list.ndjson"
[ -f "$work/snapshot.key" ] || "$hecha" key new "$work/snapshot.key"
[ -f "$work/mix.ndjson" ] || "$load" mix --list "$work/list.ndjson" --out "$work/mix.ndjson"
# A list that is built anew is fresh: an old one would turn blocks into reviews.
built=0
"$hecha" build "$work/list.ndjson" --out "$work/list.hecha" --key "$work/snapshot.key" \
  --as-of "$(date +%Y-%m-%dT%H:%M:%S%:z)" || built=$?
[ "$built" -eq 0 ] || [ "$built" -eq 3 ]
"$hecha" publish "$work/list.hecha" --to "$work/snapshots"
exec "$load" run --hecha-bin "$hecha" --snapshot-dir "$work/snapshots" \
  --snapshot-key "$work/snapshot.key" --mix "$work/mix.ndjson" "$@"
