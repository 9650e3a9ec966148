#!/usr/bin/env python3
"""Checks scripts/tstat.sql and docs/tstat.md: runs goostat on testdata/ and reads the tables as Tstat's logs.

Names and order of the columns, whole log lines computed by hand, the choice of rows, and every cell against the
Parquet column that docs/tstat.md names for it. Needs the Python package duckdb.
"""

import argparse
import re
import struct
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("tcp", "lossy", "udp", "mixed")

# The columns as Tstat 3.1 prints them.
CORE = """
c_ip c_port c_pkts_all c_rst_cnt c_ack_cnt c_ack_cnt_p c_bytes_uniq c_pkts_data c_bytes_all c_pkts_retx c_bytes_retx
c_pkts_ooo c_syn_cnt c_fin_cnt
s_ip s_port s_pkts_all s_rst_cnt s_ack_cnt s_ack_cnt_p s_bytes_uniq s_pkts_data s_bytes_all s_pkts_retx s_bytes_retx
s_pkts_ooo s_syn_cnt s_fin_cnt
first last durat c_first s_first c_last s_last c_first_ack s_first_ack c_isint s_isint c_iscrypto s_iscrypto
con_t p2p_t http_t
""".split()
END_TO_END = """
c_rtt_avg c_rtt_min c_rtt_max c_rtt_std c_rtt_cnt c_ttl_min c_ttl_max
s_rtt_avg s_rtt_min s_rtt_max s_rtt_std s_rtt_cnt s_ttl_min s_ttl_max
""".split()
OPTIONS = """
c_f1323_opt c_tm_opt c_win_scl c_sack_opt c_sack_cnt c_mss c_mss_max c_mss_min c_win_max c_win_min c_win_0 c_cwin_max
c_cwin_min c_cwin_ini c_pkts_rto c_pkts_fs c_pkts_reor c_pkts_dup c_pkts_unk c_pkts_fc c_pkts_unrto c_pkts_unfs
c_syn_retx
s_f1323_opt s_tm_opt s_win_scl s_sack_opt s_sack_cnt s_mss s_mss_max s_mss_min s_win_max s_win_min s_win_0 s_cwin_max
s_cwin_min s_cwin_ini s_pkts_rto s_pkts_fs s_pkts_reor s_pkts_dup s_pkts_unk s_pkts_fc s_pkts_unrto s_pkts_unfs
s_syn_retx
""".split()
UDP = """
c_ip c_port c_first_abs c_durat c_bytes_all c_pkts_all c_isint c_iscrypto c_type
s_ip s_port s_first_abs s_durat s_bytes_all s_pkts_all s_isint s_iscrypto s_type
""".split()
LOGS = {
    "log_tcp_complete": ("#09#", CORE + END_TO_END + OPTIONS),
    "log_tcp_nocomplete": ("#09#", CORE),
    "log_udp_complete": ("#", UDP),
}

# What the logs of an exchange in testdata/examples/ must be, computed by hand: second 0 is 1 700 000 000 s.
LINES = {
    # Handshake, 100 bytes, 500 bytes, FINs. Client samples 60, 100, 60 ms; server samples 40 ms each.
    ("E01", "log_tcp_complete"): [
        "10.0.0.1 40000 6 0 5 3 100 1 100 0 0 0 1 1 198.51.100.2 80 3 0 3 0 500 1 500 0 0 0 1 1 "
        "1700000000000.000000 1700000000400.000000 400.000000 100.000000 200.000000 100.000000 200.000000 "
        "100.000000 200.000000 1 0 0 0 0 0 0 "
        "73.333333 60.000000 100.000000 23.094011 3 64 64 40.000000 40.000000 40.000000 0.000000 3 57 57 "
        "0 0 0 0 0 1460 100 100 65535 65535 0 100 100 100 0 0 0 0 0 0 0 0 0 "
        "0 0 0 0 0 1460 500 500 65535 65535 0 500 500 500 0 0 0 0 0 0 0 0 0"
    ],
    ("E01", "log_tcp_nocomplete"): [],
    # The client's segment is sent twice; the trace ends before the connection does. The server sends no payload: 0.
    ("E02", "log_tcp_complete"): [],
    ("E02", "log_tcp_nocomplete"): [
        "10.0.0.1 40000 4 0 3 1 100 2 200 1 100 0 1 0 198.51.100.2 80 2 0 2 1 0 0 0 0 0 0 1 0 "
        "1700000000000.000000 1700000000960.000000 960.000000 200.000000 0.000000 900.000000 0.000000 "
        "100.000000 960.000000 1 0 0 0 0 0 0"
    ],
    # Open when the capture begins: in neither log.
    ("E10", "log_tcp_complete"): [],
    ("E10", "log_tcp_nocomplete"): [],
    # Silence of 10.5 s ends a lone datagram's flow. Durations of UDP are seconds.
    ("E22", "log_udp_complete"): [
        "10.0.0.1 40000 1700000000000.000000 0.000000000 30 1 1 0 0 198.51.100.2 53 0.000000 0.000000000 0 0 0 0 0",
        "10.0.0.1 40000 1700000010500.000000 89.500000000 60 2 1 0 0 "
        "198.51.100.2 53 1700000010550.000000 0.000000000 90 1 0 0 0",
    ],
}

# Single cells of `tstat_tcp`, in any log.
CELLS = {
    "E02": {"c_pkts_rto": 1, "c_pkts_fs": 0, "c_cwin_max": 100, "s_mss": 0, "s_mss_min": 0, "s_cwin_max": 0},
    "E03": {"c_pkts_fs": 1, "c_pkts_rto": 0, "c_bytes_retx": 100, "c_cwin_max": 500, "c_cwin_min": 100},
    "E04": {"c_pkts_rto": 1, "c_pkts_reor": 1, "c_pkts_ooo": 2},
    "E19": {"c_pkts_dup": 2, "c_pkts_retx": 2},
    "E20": {"s_ttl_min": 0, "s_rtt_avg": 0, "s_rtt_std": 0, "s_win_max": 0, "s_pkts_all": 0, "s_first_ack": 0},
    "E21": {
        "c_f1323_opt": 1, "c_win_scl": 7, "c_mss": 1460, "c_win_max": 64256, "c_win_min": 64240,
        "s_f1323_opt": 1, "s_win_scl": 2, "s_mss": 1460, "s_win_max": 65535, "s_win_min": 4000,
        "c_rtt_avg": 60, "c_rtt_std": 0, "c_rtt_cnt": 1, "s_rtt_min": 40, "s_mss_max": 20, "tstat_log": "nocomplete",
    },
    "E24": {"tstat_log": "complete", "c_rtt_avg": 60, "s_rtt_avg": Decimal("40.5")},
}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("goostat", type=Path, help="the program to check")
    goostat = parser.parse_args().goostat.resolve()
    mapping = documented_columns()
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        for name in sorted({name for name, _ in LINES} | CELLS.keys()):
            logs = read(goostat, write_example(name, Path(folder)), Path(folder))
            failures += example_failures(name, logs, Path(folder))
        traces = [trace for kind in FOLDERS for trace in sorted((ROOT / "testdata" / kind).glob("*.pcap"))]
        for trace in traces:
            logs = read(goostat, trace, Path(folder))
            failures += [f"{trace.name}: {failure}" for failure in trace_failures(logs, mapping)]
    for failure in failures:
        print(failure, file=sys.stderr)
    print(f"{len(traces)} traces, {len(LINES)} logs by hand, {len(failures)} failures")
    return 1 if failures or not traces else 0


def read(goostat, trace, folder):
    """A database with the views over what goostat makes of a trace."""
    out = folder / f"{trace.stem}.out"
    subprocess.run([goostat, "--quiet", "--force", "--out", out, trace], check=True)
    logs = duckdb.connect()
    logs.execute(f"SET file_search_path = '{out}'")
    logs.execute((ROOT / "scripts" / "tstat.sql").read_text())
    return logs


def example_failures(name, logs, folder):
    """An exchange's logs as text against the lines computed by hand, and its single cells."""
    failures = []
    for (example, log), lines in LINES.items():
        if example == name:
            found = text_lines(logs, log, folder)[1:]
            failures += [] if found == lines else [f"{name}: {log} is\n{found}\nand not\n{lines}"]
    for column, expected in CELLS.get(name, {}).items():
        found = logs.execute(f"SELECT {column} FROM tstat_tcp").fetchall()
        failures += [] if found == [(expected,)] else [f"{name}: {column} is {found}, not {expected}"]
    return failures


def text_lines(logs, log, folder):
    """The lines of a log as a text file, written as docs/tstat.md tells users to."""
    path = folder / log
    command = f"COPY (FROM {log}_text) TO '{log}' (FORMAT csv, HEADER, DELIMITER ' ', QUOTE '');"
    if command not in (ROOT / "docs" / "tstat.md").read_text():
        raise SystemExit(f"docs/tstat.md does not say: {command}")
    logs.execute(command.replace(f"'{log}'", f"'{path}'"))
    return path.read_text().splitlines()


def trace_failures(logs, mapping):
    """What must hold of the logs of any trace."""
    with tempfile.TemporaryDirectory() as folder:
        texts = {log: text_lines(logs, log, Path(folder)) for log in LOGS}
    for log, (mark, names) in LOGS.items():
        result = logs.execute(f"FROM {log}")
        if [column[0] for column in result.description] != names:
            yield f"{log}: columns are {result.description}"
        rows = result.fetchall()
        if any(cell is None for row in rows for cell in row):
            yield f"{log}: a cell is null"
        header = mark + " ".join(f"{name}:{number}" for number, name in enumerate(names, 1))
        if texts[log][0] != header:
            yield f"{log}: the header is {texts[log][0]}"
        if len(texts[log]) != len(rows) + 1 or any(len(line.split(" ")) != len(names) for line in texts[log]):
            yield f"{log}: the text is no table"
    yield from choice_failures(logs)
    yield from cell_failures(logs, mapping)


def choice_failures(logs):
    """Which rows stand in which log, by the rule of docs/tstat.md."""
    rules = {
        "log_tcp_complete": ("tcp", "complete"),
        "log_tcp_nocomplete": ("tcp", "NOT complete AND NOT midstream AND c_syn > 0"),
        "log_udp_complete": ("udp", "true"),
    }
    for log, (table, rule) in rules.items():
        in_log = logs.execute(f"SELECT c_ip, c_port, s_ip, s_port, c_bytes_all, s_bytes_all FROM {log}").fetchall()
        in_table = logs.execute(
            f"SELECT c_ip, c_port, s_ip, s_port, c_bytes, s_bytes FROM '{table}.parquet' WHERE {rule}"
        ).fetchall()
        if in_log != in_table:
            yield f"{log}: {len(in_log)} rows, not the {len(in_table)} of the rule"


def cell_failures(logs, mapping):
    """Every cell of the views against the Parquet column that the documentation names."""
    for table, view in (("tcp", "tstat_tcp"), ("udp", "log_udp_complete")):
        columns = mapping[table]
        wanted = ", ".join(f"{expression} AS x{place}" for place, (expression, _) in enumerate(columns.values()))
        query = f"FROM (SELECT {', '.join(columns)} FROM {view}) POSITIONAL JOIN "
        for row in logs.execute(query + f"(SELECT {wanted} FROM '{table}.parquet')").fetchall():
            found, raw = row[: len(columns)], row[len(columns) :]
            for name, (expression, unit), cell, parquet_cell in zip(columns, columns.values(), found, raw, strict=True):
                if not agrees(cell, parquet_cell, unit):
                    yield f"{view}.{name} is {cell} where {expression} is {parquet_cell}"


def agrees(found, raw, unit):
    """Whether a cell is what the Parquet cell means in Tstat's unit."""
    if unit in ("ms", "ms, epoch", "s"):
        digits = 9 if unit == "s" else 6
        if isinstance(raw, float):
            return abs(float(found) - raw / 1e6) <= 1e-6
        return found == Decimal(raw or 0).scaleb(-digits)
    return found == (raw if raw is not None else 0)


def documented_columns():
    """The tables of docs/tstat.md: for each column of Tstat an expression over the Parquet table, and the unit."""
    mapping = {"tcp": {}, "udp": {}}
    numbers = {"tcp": {}, "udp": {}}
    table = "tcp"
    for line in (ROOT / "docs" / "tstat.md").read_text().splitlines():
        table = "udp" if line == "### UDP" else table
        row = re.match(r"\| ([\d, ]+) \| `(\w+)` \| (.*?) \| (.*?) \|", line)
        if not row:
            continue
        sides = ("c_", "s_") if row[2].startswith("x_") else ("",)
        for side, number in zip(sides, row[1].split(", "), strict=True):
            name = side + row[2].removeprefix("x_")
            mapping[table][name] = (expression_of(row[3], side, row[4]), row[4])
            numbers[table][int(number)] = name
    for table, names in (("tcp", CORE + END_TO_END + OPTIONS), ("udp", UDP)):
        if numbers[table] != dict(enumerate(names, 1)):
            raise SystemExit(f"docs/tstat.md numbers the columns of {table} otherwise: {numbers[table]}")
    return mapping


def expression_of(cell, side, unit):
    """A cell like `x_last` − `x_first` as SQL; times become nanoseconds, and – is 0."""
    columns = [re.sub("^x_", side, column) for column in re.findall(r"`(\w+)`", cell)]
    if unit in ("ms, epoch", "s"):
        columns = [f"epoch_ns({column})" for column in columns]
    return " - ".join(columns) or "0"


def write_example(name, folder):
    """Writes the packets of testdata/examples/NAME.txt as a capture of raw IPv4."""
    packets = (ROOT / "testdata" / "examples" / f"{name}.txt").read_text().split("\n---\n")[0]
    capture = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    server_port = 53 if "UDP" in packets else 80
    for own_id, line in enumerate(packets.splitlines()[1:], 100):
        seconds, fraction, way, told = re.match(r" *(\d+)\.(\d{3}) ([CS])>[CS] (.*)", line).groups()
        told = told.split("   ")[0]
        shown_id = re.search(r" id (\d+)", told)
        frame = ipv4(way == "C", transport(told, way == "C", server_port), int(shown_id[1]) if shown_id else own_id)
        capture += struct.pack("<IIII", 1_700_000_000 + int(seconds), int(fraction) * 1000, len(frame), len(frame))
        capture += frame
    path = folder / f"{name}.pcap"
    path.write_bytes(capture)
    return path


def transport(told, from_client, server_port):
    """A line's protocol number and segment or datagram."""
    ports = (40000, server_port) if from_client else (server_port, 40000)
    if told.startswith("UDP length "):
        length = int(told.split()[2])
        return 17, struct.pack(">HHHH", *ports, 8 + length, 0) + bytes(length)
    flags = sum(1 << "FSRP.".index(flag) for flag in re.match(r"\[(.*?)\]", told)[1])
    value = lambda name: int((re.search(rf"{name} (\d+)", told) or (0, 0))[1])  # noqa: E731
    payload = bytes(int((re.search(r"\((\d+)\)", told) or (0, 0))[1]))
    options = struct.pack(">BBH", 2, 4, value("mss")) if "mss" in told else b""
    options += struct.pack(">BBBB", 3, 3, value("wscale"), 1) if "wscale" in told else b""
    offset = (5 + len(options) // 4) << 4
    fixed = struct.pack(">HHIIBBHHH", *ports, value("seq"), value("ack"), offset, flags, value("win"), 0, 0)
    return 6, fixed + options + payload


def ipv4(from_client, segment, identification):
    """An IPv4 packet between the two hosts of the examples."""
    protocol, content = segment
    client, server = bytes([10, 0, 0, 1]), bytes([198, 51, 100, 2])
    ends = client + server if from_client else server + client
    ttl = 64 if from_client else 57
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(content), identification, 0, ttl, protocol, 0) + ends + content


if __name__ == "__main__":
    sys.exit(main())
