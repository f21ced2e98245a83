#!/usr/bin/env bash
# hecha under load, beside a bare server, the disk alone or itself. Everything is synthetic and
# stays under target/load; records go to benches/record.
#
#   [ENTRIES=1000000] [KIND=identifier|name|mixed] [RECORD=1] loadtest/run.sh [WHAT] [arguments...]
#
# WHAT is a command of loadtest: run (the default), levels, swap or soak; what follows goes to it.
# Or check: what a check costs in the process, at a million entries and at ENTRIES, by
# `cargo bench --bench check`.
set -euo pipefail
cd "$(dirname "$0")/.."
entries="${ENTRIES:-1000000}"
kind="${KIND:-identifier}"
what="run"
case "${1:-}" in run | levels | swap | soak | check)
  what="$1"
  shift
  ;;
esac
work="target/load/$entries"
hecha=target/release/hecha
load=target/release/loadtest

# Lists, two snapshots of them and what serves. A snapshot is built anew where the program is newer
# (formats may differ) or it is half a day old: stale lists turn blocks into reviews.
is_fresh() { [ -n "$(find "$1" -newer "$hecha" -mmin -720 2>/dev/null)" ]; }
build() {
  local out="$1" built=0
  shift
  "$hecha" build "$@" --out "$out" --key "$work/snapshot.key" --memory "${MEMORY:-10G}" \
    --as-of "$(date +%Y-%m-%dT%H:%M:%S%:z)" || built=$?
  [ "$built" -eq 0 ] || [ "$built" -eq 3 ]
}
prepare() {
  mkdir -p "$work"
  [ -f "$work/list.ndjson" ] ||
    "$load" gen --entries "$entries" --seed 1 --out "$work/list.ndjson"
  [ -f "$work/snapshot.key" ] || "$hecha" key new "$work/snapshot.key"
  if ! is_fresh "$work/list.hecha"; then
    rm -rf "$work/newer.hecha" "$work/snapshots"
    build "$work/list.hecha" "$work/list.ndjson"
  fi
  local one
  for one in "$@"; do
    "$load" mix --list "$work/list.ndjson" --kind "$one" --out "$work/mix-$one.ndjson"
  done
}

if [ "$what" = check ]; then
  folders=()
  for entries in $(printf '%s\n' 1000000 "$entries" | sort -nu); do
    work="target/load/$entries"
    prepare identifier name
    folders+=(--load "$work")
  done
  HECHA_RECORD="${RECORD:-}" exec cargo bench --bench check -- "${folders[@]}" "$@"
fi

prepare "$kind"
if [ ! -f "$work/snapshots/current.json" ]; then
  mkdir -p "$work/snapshots"
  "$hecha" publish "$work/list.hecha" --to "$work/snapshots"
fi

common=(--hecha-bin "$hecha" --snapshot-key "$work/snapshot.key" --mix "$work/mix-$kind.ndjson"
  --state-dir "$work/state")
case "$what" in
  swap | soak)
    # The same list and a thousandth more.
    if [ ! -f "$work/newer.hecha" ]; then
      first=$(((entries + 99999) / 100000 * 100000))
      more=$((entries / 1000 + 1))
      "$load" gen --entries "$more" --first "$first" --seed 1 --out "$work/more.ndjson"
      build "$work/newer.hecha" "$work/list.ndjson" "$work/more.ndjson"
    fi
    common+=(--snapshots "$work/list.hecha,$work/newer.hecha")
    ;;
  *) common+=(--snapshot-dir "$work/snapshots") ;;
esac
if [ -n "${RECORD:-}" ]; then
  ending=json
  [ "$what" != soak ] || ending=csv
  common+=(--record "benches/record/$(date +%F)-$what-$kind-$entries.$ending")
fi
exec "$load" "$what" "${common[@]}" "$@"
