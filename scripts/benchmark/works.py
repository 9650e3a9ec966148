"""The works: what goostat has to do, and how fast it should."""

import dataclasses
import json
import os
import shutil

import measure
from table import Row, Target

GROUPS = {"goostat core,time": "core,time", "goostat all": "all"}
STARTS = 21
COLD_RUNS = 3


@dataclasses.dataclass
class Programs:
    """The built programs, and where results go."""

    built: str
    out: str

    @property
    def goostat(self):
        return os.path.join(self.built, "goostat")

    @property
    def generate(self):
        return os.path.join(self.built, "examples", "generate")

    def floor(self, trace):
        """Touches every cache line. Its own clock leaves out the start of a process."""
        result = measure.check([os.path.join(self.built, "examples", "floor"), *trace.paths])
        return dataclasses.replace(result, seconds=float(result.stdout))

    def run(self, trace, groups, watch=False):
        """One run of goostat, and its summary. To watch its memory takes some 3 % of its time."""
        # To replace the results of the run before would take part of the time.
        shutil.rmtree(self.out, ignore_errors=True)
        command = [self.goostat, *trace.paths, "--columns", groups, "--quiet", "-o", self.out]
        result = measure.run(command, watch=watch)
        if result.code != 0:
            raise SystemExit(f"{' '.join(command)}: exit {result.code}\n{result.stderr}")
        with open(os.path.join(self.out, "summary.json"), encoding="utf-8") as file:
            return result, json.load(file)

    def median(self, runs, trace, groups):
        """The median of runs that were not watched, with the memory of one more."""
        watched, _ = self.run(trace, groups, watch=True)
        return dataclasses.replace(measure.median(runs), own=watched.own)


def cached(name, targets):
    """A work on a trace in the page cache: the floor, then goostat with few and with all columns."""

    def work(programs, traces, repeats):
        trace = traces.get(name)
        programs.floor(trace)
        runs = {label: [] for label in ["floor", *GROUPS]}
        summaries = {}
        for _ in range(repeats):
            runs["floor"].append(programs.floor(trace))
            for label, groups in GROUPS.items():
                result, summaries[label] = programs.run(trace, groups)
                runs[label].append(result)
        floor = measure.median(runs["floor"])
        rows = [Row.of(name, "floor", trace, floor, floor)]
        for label, groups in GROUPS.items():
            result = programs.median(runs[label], trace, groups)
            row = goostat_row(name, label, trace, result, floor, summaries[label])
            row.targets = targets.get(label, [])
            rows.append(row)
        return rows

    return work


def goostat_row(name, label, trace, result, floor, summary):
    row = Row.of(name, label, trace, result, floor)
    row.seen = summary["packets"]["read"]
    flows = summary["flows"]
    row.rows = flows["tcp"]["rows"] + flows["udp"]["rows"]
    row.row_bytes = (flows["tcp"]["bytes"] + flows["udp"]["bytes"]) / max(row.rows, 1)
    return row


def compressed(programs, traces, repeats):
    """Four gzip files of one trace, against one gzip that only decompresses them."""
    trace = traces.compressed("rotated")
    gzip, runs, summary = [], [], None
    for _ in range(min(repeats, 3)):
        gzip.append(measure.check(["sh", "-c", 'exec gzip -dc "$@" >/dev/null', "sh", *trace.paths]))
        result, summary = programs.run(trace, "all")
        runs.append(result)
    base = measure.median(gzip)
    row = goostat_row("gzip", "goostat all", trace, programs.median(runs, trace, "all"), None, summary)
    row.ratio = base.seconds / row.run.seconds
    row.targets = [Target("ratio", 1.8, "x the rate of gzip -dc", at_least=True)]
    return [Row.of("gzip", "gzip -dc", trace, base), row]


def cold(programs, traces, _repeats):
    """A file that is not in the page cache, against cat."""
    trace = traces.get("web")
    cat = ["sh", "-c", 'exec cat "$@" >/dev/null', "sh", *trace.paths]
    cats, runs, summaries = [], {label: [] for label in GROUPS}, {}
    for _ in range(COLD_RUNS):
        measure.drop_from_cache(trace.paths)
        cats.append(measure.check(cat))
        for label, groups in GROUPS.items():
            measure.drop_from_cache(trace.paths)
            result, summaries[label] = programs.run(trace, groups)
            runs[label].append(result)
    base = measure.median(cats)
    rows = [Row.of("cold", "cat", trace, base)]
    for label, done in runs.items():
        row = goostat_row("cold", label, trace, measure.median(done), None, summaries[label])
        row.ratio = row.run.seconds / base.seconds
        row.targets = [Target("ratio", 1.1, "x the time of cat")]
        rows.append(row)
    return rows


def startup(programs, traces, _repeats):
    """A trace of 1 kB: what a run costs before it does anything."""
    trace = traces.get("startup")
    runs = [programs.run(trace, "all") for _ in range(STARTS)]
    result = measure.median([run for run, _ in runs])
    row = Row.of("start", "goostat all", trace, result)
    row.seen = runs[-1][1]["packets"]["read"]
    row.targets = [Target("milliseconds", 15, "ms")]
    return [row]


WORKS = {
    "web": cached("web", {
        "goostat core,time": [Target("ratio", 2.0, "x the floor")],
        "goostat all": [
            Target("ratio", 3.5, "x the floor"),
            Target("row_bytes", 150, "bytes a row"),
        ],
    }),
    "small": cached("small", {
        "goostat all": [Target("packet_rate", 20, "million packets/s", at_least=True)],
    }),
    "dns": cached("dns", {
        "goostat all": [Target("flow_rate", 2.0, "million flows/s", at_least=True)],
    }),
    "open": cached("open", {
        "goostat all": [Target("own_per_flow", 700, "bytes of memory a flow, without mapped files")],
    }),
    "gzip": compressed,
    "cold": cold,
    "start": startup,
}
NAMES = [*WORKS, "peers"]
