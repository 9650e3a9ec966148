"""Other programs that make flows of traces, where they are installed."""

import dataclasses
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

import measure
from table import Row
from works import GROUPS, goostat_row

RUNS = 3
NFSTREAM = """
import sys
from nfstream import NFStreamer
if __name__ == "__main__":
    print(sum(flow.bidirectional_packets for flow in NFStreamer(source=sys.argv[1], n_dissections=0)))
"""


@dataclasses.dataclass
class Peer:
    """A program: how it is called on a trace, and how it tells what packets it saw."""

    name: str
    program: str
    command: callable
    seen: callable = lambda run, folder: None


def number(pattern, text):
    found = re.search(pattern, text)
    return int(found.group(1)) if found else None


def tool_says(command, pattern):
    """What another tool finds in a peer's output; nothing if it is not there."""
    if shutil.which(command[0]) is None:
        return None
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    return number(pattern, told.stdout)


PEERS = [
    Peer("tshark -z conv,tcp", "tshark",
         lambda trace, folder: ["-n", "-q", "-z", "conv,tcp", "-z", "io,stat,0", "-r", trace],
         lambda run, folder: number(r"<>\s*\S+\s*\|\s*(\d+)", run.stdout)),
    Peer("argus", "argus",
         lambda trace, folder: ["-X", "-r", trace, "-w", os.path.join(folder, "argus")],
         lambda run, folder: tool_says(["racount", "-r", os.path.join(folder, "argus")], r"sum\s+\d+\s+(\d+)")),
    Peer("nfpcapd", "nfpcapd",
         lambda trace, folder: ["-r", trace, "-l", folder],
         lambda run, folder: tool_says(["nfdump", "-I", "-R", folder], r"Packets: (\d+)")),
    Peer("softflowd", "softflowd",
         # With a control socket it waits for somebody to talk to it.
         lambda trace, folder: ["-d", "-6", "-v", "9", "-n", "127.0.0.1:9", "-r", trace,
                                "-p", os.path.join(folder, "pid"), "-c", "none"],
         lambda run, folder: number(r"Packets processed: (\d+)", run.stdout + run.stderr)),
    Peer("yaf", "yaf",
         lambda trace, folder: ["--in", trace, "--out", os.path.join(folder, "yaf")],
         lambda run, folder: number(r"Processed (\d+) packets", run.stderr)),
    Peer("tstat", "tstat",
         lambda trace, folder: ["-s", folder, trace],
         lambda run, folder: number(r"(\d+) packets seen", run.stdout)),
    Peer("rustiflow", "rustiflow",
         lambda trace, folder: ["-f", "basic", "-o", "csv", "--export-path", os.path.join(folder, "csv"), "pcap", trace]),
]


def measure_nfstream(python, path, limit):
    with tempfile.NamedTemporaryFile("w", suffix=".py") as script:
        script.write(NFSTREAM)
        script.flush()
        run = measure.run([python, script.name, path], limit=limit)
    return run, number(r"(\d+)", run.stdout)


def measure_peer(peer, program, path, limit):
    """One run in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        run = measure.run([program, *peer.command(path, folder)], limit=limit)
        seen = None if run.too_long or run.code != 0 else peer.seen(run, folder)
    return run, seen


def row_of(name, trace, floor, once):
    """A peer's row: several runs if it is quick, one if it is slow."""
    run, seen = once()
    runs = [run]
    while len(runs) < RUNS and run.code == 0 and run.seconds < 10:
        runs.append(once()[0])
    if run.too_long:
        return Row("peers", name, trace, run, note=f"ended after {run.seconds:.0f} s")
    if run.code != 0:
        last = (run.stderr.strip() or "no message").splitlines()[-1]
        return Row("peers", name, trace, None, note=f"failed: exit {run.code}: {last}")
    row = Row.of("peers", name, trace, measure.median(runs), floor)
    row.seen, row.note = seen, "not told"
    return row


def find(program):
    """On PATH, or where Debian puts what only root needs."""
    return shutil.which(program) or next(iter(glob.glob(f"/usr/sbin/{program}")), None)


def find_nfstream(venv):
    """A Python that has nfstream."""
    for python in [os.path.join(venv, "bin", "python") if venv else None, sys.executable]:
        if python and subprocess.run([python, "-c", "import nfstream"], capture_output=True, check=False).returncode == 0:
            return python
    return None


def measure_all(programs, traces, args):
    trace = traces.get("peers")
    path = trace.paths[0]
    programs.floor(trace)
    floor = measure.median([programs.floor(trace) for _ in range(args.repeats)])
    rows = [Row.of("peers", "floor", trace, floor, floor)]
    for label, groups in GROUPS.items():
        runs = [programs.run(trace, groups, watch=True) for _ in range(args.repeats)]
        result = measure.median([run for run, _ in runs])
        rows.append(goostat_row("peers", label, trace, result, floor, runs[-1][1]))
    missing = []
    for peer in PEERS:
        program = find(peer.program)
        if program is None:
            missing.append(peer.name)
            continue
        rows.append(row_of(peer.name, trace, floor, lambda: measure_peer(peer, program, path, args.peer_limit)))
    python = find_nfstream(args.venv)
    if python is None:
        missing.append("nfstream")
    else:
        rows.append(row_of("nfstream", trace, floor, lambda: measure_nfstream(python, path, args.peer_limit)))
    rows += [Row("peers", name, trace, None, note="not installed") for name in missing]
    return rows
