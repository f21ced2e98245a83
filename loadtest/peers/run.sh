#!/usr/bin/env bash
# Cost and recall of a name query beside PostgreSQL pg_trgm, tantivy and rapidfuzz, on one list in one run.
# Installs what it needs: Debian's PostgreSQL (as root) and a Python environment under target/peers.
# Usage: loadtest/peers/run.sh [names a kind, default 1000000] [seconds a tool and kind, default 30]
set -euo pipefail
cd "$(dirname "$0")/../.."
names=${1:-1000000}
seconds=${2:-30}
folder=$PWD/target/peers
mkdir -p "$folder"

cargo bench --locked --bench names -- "$names" --peers "$folder"

if [ ! -x "$folder/python/bin/python" ]; then
  python3 -m venv "$folder/python"
  "$folder/python/bin/pip" install --quiet rapidfuzz tantivy psycopg2-binary
fi

socket=()
postgres=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1 || true)
if [ -z "$postgres" ] && [ "$(id -u)" = 0 ]; then
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >/dev/null
  postgres=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)
fi
if [ -n "$postgres" ] && [ "$(id -u)" = 0 ]; then
  data=$(mktemp -d /tmp/hecha-peers-XXXXXX)
  chown postgres "$data"
  as_postgres() { su postgres -s /bin/sh -c "$*"; }
  # In the C locale trigrams of Han text are empty.
  as_postgres "$postgres/initdb -D $data/db --locale=C.UTF-8 --encoding=UTF8 -A trust" >/dev/null
  trap 'as_postgres "$postgres/pg_ctl -D $data/db -m immediate stop" >/dev/null; rm -rf "$data"' EXIT
  as_postgres "$postgres/pg_ctl -D $data/db -w -l $data/log -o \"-k $data -c listen_addresses='' \
    -c shared_buffers=1GB -c maintenance_work_mem=512MB\" start" >/dev/null
  as_postgres "$postgres/createdb -h $data peers"
  socket=(--socket "$data")
else
  echo "pg_trgm is left out: PostgreSQL is not installed, or this is not root" >&2
fi

"$folder/python/bin/python" loadtest/peers/peers.py "$folder" --seconds "$seconds" "${socket[@]}"
