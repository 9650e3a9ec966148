#!/usr/bin/env python3
"""check-tables.py DIR: reads the results of testdata/mixed/http-dns.pcap as people will, with DuckDB and with pandas.

Checks the type of every column and where nulls may be against docs/columns.md, and some answers that are known from
what was done when the trace was recorded. Needs duckdb, pandas and pyarrow; tests/python.rs makes a place with them.
"""

import pathlib
import sys

import duckdb
import pandas

PROJECT = pathlib.Path(__file__).resolve().parent.parent
# Older versions of DuckDB know no nanoseconds.
DUCKDB = {
    "u8": {"UTINYINT"},
    "u16": {"USMALLINT"},
    "u32": {"UINTEGER"},
    "u64": {"UBIGINT"},
    "i64": {"BIGINT"},
    "f64": {"DOUBLE"},
    "bool": {"BOOLEAN"},
    "str": {"VARCHAR"},
    "time": {"TIMESTAMPTZ_NS", "TIMESTAMP_NS WITH TIME ZONE", "TIMESTAMP WITH TIME ZONE"},
}
PANDAS = {
    "u8": {"uint8"},
    "u16": {"uint16"},
    "u32": {"uint32"},
    "u64": {"uint64"},
    "i64": {"int64"},
    "f64": {"float64"},
    "bool": {"bool"},
    "str": {"str", "string", "object"},
    "time": {"datetime64[ns, UTC]"},
}
NUMBERS = {"u8", "u16", "u32", "u64", "i64"}

# Question, answer. 14 connections were opened and closed and one was refused; four names were asked for, two
# of them twice and again in vain, and one datagram went to the discard port.
KNOWN = (
    ("select count(*), count(*) filter (complete), sum(c_pkts + s_pkts) from tcp", (15, 14, 178)),
    ("select count(*), count(*) filter (reply = 'c_only'), sum(c_pkts + s_pkts) from udp", (5, 3, 17)),
    ("select s_port, conn_state, end_reason, history from tcp where not complete", (81, "REJ", "rst", "Sr")),
    ("select sum(c_bytes), sum(s_bytes) from tcp where s_port = 80", (1002, 4746)),
    ("select count(*), min(c_bytes), max(c_bytes) from tcp where s_port = 8080", (2, 6000, 6000)),
    ("select sum(c_bytes), sum(s_bytes) from udp where s_port = 53", (360, 208)),
    ("select count(*) filter (c_ip like '%:%') from tcp", (7,)),
    ("select max(c_pkts_retx + s_pkts_retx), max(c_bytes_missed + s_bytes_missed) from tcp", (0, 0)),
    ("select max(epoch_ns(last)) - min(epoch_ns(first)) from tcp", (1604813000,)),
)


def documented():
    """Table -> column -> (type, whether it can be null), from docs/columns.md."""
    tables = {"Both files": {}, "tcp.parquet": {}, "udp.parquet": {}}
    current = {}
    for line in (PROJECT / "docs/columns.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if line.startswith("## "):
            current = tables[line[3:]]
        elif len(cells) == 7 and cells[0] not in ("column", "---"):
            names = [side + cells[0][1:] for side in "cs"] if cells[0].startswith("x_") else [cells[0]]
            current.update((name, (cells[1], cells[4] != "")) for name in names)
    both = tables.pop("Both files")
    return {name.split(".")[0]: both | columns for name, columns in tables.items()}


def check_duckdb(results, columns):
    for table, expected in columns.items():
        duckdb.sql(f"create or replace view {table} as select * from '{results}/{table}.parquet'")
        types = {row[0]: row[1] for row in duckdb.sql(f"describe {table}").fetchall()}
        if set(types) != set(expected):
            yield f"DuckDB: {table} has other columns than docs/columns.md: {set(types) ^ set(expected)}"
        for name in set(types) & set(expected):
            kind, nullable = expected[name]
            if types[name] not in DUCKDB[kind]:
                yield f"DuckDB: {table}.{name} is {types[name]}, not {kind}"
            nulls = duckdb.sql(f'select count(*) - count("{name}") from {table}').fetchall()[0][0]
            if nulls and not nullable:
                yield f"DuckDB: {table}.{name} has {nulls} nulls"
    for question, answer in KNOWN:
        row = duckdb.sql(question).fetchall()[0]
        if row != answer:
            yield f"DuckDB: {question}: {row}, not {answer}"


def check_pandas(results, columns):
    for table, expected in columns.items():
        frame = pandas.read_parquet(f"{results}/{table}.parquet")
        for name, (kind, nullable) in expected.items():
            nulls = int(frame[name].isna().sum())
            # pandas has no null for whole numbers: it makes doubles of them, and objects where nothing is there.
            types = PANDAS[kind] | ({"float64", "object"} if nulls and kind in NUMBERS else set())
            if str(frame[name].dtype) not in types:
                yield f"pandas: {table}.{name} is {frame[name].dtype}, not {kind}"
            if nulls and not nullable:
                yield f"pandas: {table}.{name} has {nulls} nulls"
        yield from check_nulls(table, frame)


def check_nulls(table, frame):
    """Nulls are exactly where there is nothing to measure, and are not zeros."""
    rules = {"vlan_id": frame["c_pkts"] >= 0}
    for side in "cs":
        silent = frame[f"{side}_pkts"] == 0
        rules[f"{side}_ttl_min"] = silent
        if table == "tcp":
            rules[f"{side}_first_ns"] = silent
            rules[f"{side}_first_data_ns"] = frame[f"{side}_pkts_data"] == 0
            rules[f"{side}_rtt_min_ns"] = frame[f"{side}_rtt_cnt"] == 0
            rules[f"{side}_rtt_std_ns"] = frame[f"{side}_rtt_cnt"] < 2
        else:
            rules[f"{side}_first"] = silent
    for name, expected in rules.items():
        if not frame[name].isna().equals(expected.rename(name)):
            yield f"pandas: {table}.{name} has nulls in other places than it should"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    results = pathlib.Path(sys.argv[1])
    columns = documented()
    wrong = [*check_duckdb(results, columns), *check_pandas(results, columns)]
    if wrong:
        sys.exit("\n".join(wrong))
    count = sum(map(len, columns.values()))
    print(f"{count} columns are as documented, {len(KNOWN)} answers are right: DuckDB {duckdb.__version__}, pandas {pandas.__version__}")


if __name__ == "__main__":
    main()
