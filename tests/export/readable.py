"""Reads a table of `hecha log export` with the tools of analysts, each by itself.

In: the file. Out: its schema and its checks by outcome, as DuckDB, pyarrow, pandas and, where it is
installed, Spark count them; exit code 1 where two of them disagree. `make export-readable` runs it.
"""

import sys
from collections import Counter


def by_duckdb(path):
    import duckdb

    table = duckdb.read_parquet(path)
    for name, kind in zip(table.columns, table.types):
        print(f"  {name}: {kind}")
    kinds = dict(zip(table.columns, map(str, table.types)))
    assert kinds["moment"] == "TIMESTAMP WITH TIME ZONE", kinds["moment"]
    assert kinds["measures"] == "VARCHAR[]", kinds["measures"]
    measures = duckdb.sql(
        f"SELECT m, count(*) FROM (SELECT unnest(measures) AS m FROM '{path}') GROUP BY m ORDER BY m"
    ).fetchall()
    print(f"  answers by measure: {dict(measures)}")
    joined = duckdb.sql(
        f"SELECT c.decision, f.action FROM '{path}' f JOIN '{path}' c USING (check_id) "
        "WHERE f.kind = 'feedback' AND c.kind = 'check'"
    ).fetchall()
    print(f"  feedback by its check: {joined}")
    counted = duckdb.sql(
        f"SELECT decision, count(*) FROM '{path}' WHERE kind = 'check' GROUP BY decision"
    ).fetchall()
    return dict(counted), duckdb.__version__


def by_pyarrow(path):
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(path)
    assert str(table.schema.field("moment").type) == "timestamp[us, tz=UTC]"
    assert not table.schema.field("check_id").nullable
    rows = table.select(["kind", "decision"]).to_pylist()
    counted = Counter(row["decision"] for row in rows if row["kind"] == "check")
    return dict(counted), pyarrow.__version__


def by_pandas(path):
    import pandas

    table = pandas.read_parquet(path)
    checks = table[table["kind"] == "check"]
    first, last = checks["moment"].min(), checks["moment"].max()
    print(f"  from {first} to {last}, {checks['subject_digest'].nunique()} subject digests")
    return checks["decision"].value_counts().to_dict(), pandas.__version__


def by_spark(path):
    import pyspark
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    for name in ("bindAddress", "host"):
        builder = builder.config(f"spark.driver.{name}", "127.0.0.1")
    session = builder.getOrCreate()
    counted = session.read.parquet(path).where("kind = 'check'").groupBy("decision").count()
    counted = {row["decision"]: row["count"] for row in counted.collect()}
    session.stop()
    return counted, pyspark.__version__


def main(path):
    counts = {}
    for read in (by_duckdb, by_pyarrow, by_pandas, by_spark):
        tool = read.__name__.removeprefix("by_")
        try:
            counted, version = read(path)
        except ImportError as missing:
            print(f"{tool}: not installed ({missing.name}), not tried")
            continue
        counts[tool] = dict(sorted((name, int(number)) for name, number in counted.items()))
        print(f"{tool} {version}: {counts[tool]}")
    if not counts:
        sys.exit("no tool is installed: nothing was read")
    agree = all(counted == next(iter(counts.values())) for counted in counts.values())
    print(f"{len(counts)} tools {'agree' if agree else 'DISAGREE'}")
    sys.exit(0 if agree else 1)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: readable.py FILE.parquet")
    main(sys.argv[1])
