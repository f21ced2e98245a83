"""Other tools on the names and queries of `cargo bench --bench names -- --peers DIR`.

In: DIR/{person,organisation}.names (one name a line), DIR/{person,organisation}.queries (edit, query,
planted name, tab-separated) and DIR/hecha.tsv (kind, p50 us, p99 us, recall). Out: a table of cost and
recall, each as a ratio to hecha's. Recall: the planted name is among the ten best answers. Every tool
runs alone, one query at a time, until its queries or its seconds are used up.
"""

import argparse
import sys
import time
from pathlib import Path

SHOWN_MAX = 10


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--seconds", type=float, default=30.0, help="for each tool and kind")
    arguments.add_argument("--socket", help="folder of PostgreSQL's socket; left out where absent")
    given = arguments.parse_args()
    own = {}
    for line in (given.folder / "hecha.tsv").read_text().splitlines():
        kind, p50_us, p99_us, recall = line.split("\t")
        own[kind] = (float(p50_us), float(p99_us), float(recall))
    print(f"{'kind':13} {'tool':28} {'queries':>7} {'p50 us':>12} {'p99 us':>12} {'recall':>7} "
          f"{'p50 ratio':>10} {'p99 ratio':>10}")
    for kind, (p50_us, p99_us, recall) in own.items():
        print(f"{kind:13} {'hecha, whole query':28} {'':>7} {p50_us:12.1f} {p99_us:12.1f} "
              f"{recall:7.3f} {1:10.0f} {1:10.0f}")
        names = (given.folder / f"{kind}.names").read_text().splitlines()
        lines = (given.folder / f"{kind}.queries").read_text().splitlines()
        queries = [tuple(line.split("\t")) for line in lines]
        for tool, search in tools(names, kind, given.socket):
            row(kind, tool, search, queries, given.seconds, own[kind])


def tools(names, kind, socket):
    """Each tool's name and its search: a query in, at most ten names out."""
    yield "rapidfuzz extract, ratio", rapidfuzz_ratio(names)
    yield "tantivy fuzzy, distance 1", tantivy_fuzzy(names)
    if socket:
        for threshold in (0.3, 0.15):
            yield f"pg_trgm, similarity > {threshold}", pg_trgm(names, kind, socket, threshold)
    else:
        print("pg_trgm: left out, no socket given", file=sys.stderr)


def rapidfuzz_ratio(names):
    from rapidfuzz import fuzz, process

    def search(query):
        found = process.extract(query, names, scorer=fuzz.ratio, limit=SHOWN_MAX)
        return [name for name, _, _ in found]

    return search


def tantivy_fuzzy(names):
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_text_field("name", stored=True, tokenizer_name="raw")
    schema = builder.build()
    index = tantivy.Index(schema)
    writer = index.writer(heap_size=200_000_000)
    for name in names:
        writer.add_document(tantivy.Document(name=name))
    writer.commit()
    index.reload()
    searcher = index.searcher()

    def search(query):
        fuzzy = tantivy.Query.fuzzy_term_query(schema, "name", query, 1, True)
        hits = searcher.search(fuzzy, SHOWN_MAX).hits
        return [searcher.doc(place)["name"][0] for _, place in hits]

    return search


def pg_trgm(names, kind, socket, threshold):
    import psycopg2

    connection = psycopg2.connect(host=socket, dbname="peers", user="postgres")
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("SELECT to_regclass(%s)", (kind,))
    if cursor.fetchone()[0] is None:
        import io

        cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        cursor.execute(f"CREATE TABLE {kind} (name text)")
        cursor.copy_from(io.StringIO("\n".join(names) + "\n"), kind)
        cursor.execute(f"CREATE INDEX ON {kind} USING gin (name gin_trgm_ops)")
        cursor.execute(f"ANALYZE {kind}")
    cursor.execute(f"SET pg_trgm.similarity_threshold = {threshold}")

    def search(query):
        cursor.execute(
            f"SELECT name FROM {kind} WHERE name %% %s ORDER BY similarity(name, %s) DESC LIMIT %s",
            (query, query, SHOWN_MAX),
        )
        return [name for (name,) in cursor.fetchall()]

    return search


def row(kind, tool, search, queries, seconds, own):
    took_us, found, began = [], 0, time.perf_counter()
    for _, query, planted in queries:
        start = time.perf_counter_ns()
        answers = search(query)
        took_us.append((time.perf_counter_ns() - start) / 1e3)
        found += planted in answers
        if time.perf_counter() - began > seconds:
            break
    took_us.sort()
    p50_us = took_us[len(took_us) // 2]
    p99_us = took_us[min(len(took_us) - 1, len(took_us) * 99 // 100)]
    print(f"{kind:13} {tool:28} {len(took_us):7} {p50_us:12.1f} {p99_us:12.1f} "
          f"{found / len(took_us):7.3f} {p50_us / own[0]:10.0f} {p99_us / own[1]:10.0f}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as error:
        sys.exit(f"peers: {error}")
