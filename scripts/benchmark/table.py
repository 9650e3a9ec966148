"""The one table, and what it says about the targets."""

import dataclasses

from measure import Run

HEAD = ["work", "program", "seconds", "cpu s", "Mpkt/s", "GB/s", "ratio", "peak MB", "own MB", "Mrow/s", "B/row", "packets"]


@dataclasses.dataclass
class Target:
    """What a figure of a row should be."""

    figure: str
    limit: float
    unit: str
    at_least: bool = False


@dataclasses.dataclass
class Row:
    """One program on one trace."""

    work: str
    program: str
    trace: object
    run: Run | None
    # Its time over the floor's, or what the work compares with.
    ratio: float | None = None
    seen: int | None = None
    rows: int | None = None
    row_bytes: float | None = None
    note: str = ""
    targets: list = dataclasses.field(default_factory=list)

    @classmethod
    def of(cls, work, program, trace, run, floor=None):
        return cls(work, program, trace, run, run.seconds / floor.seconds if floor else None)

    @property
    def wrong(self):
        """It did not see the packets there are."""
        return self.seen is not None and self.seen != self.trace.packets

    @property
    def packet_rate(self):
        return self.trace.packets / self.run.seconds / 1e6

    @property
    def flow_rate(self):
        return self.rows / self.run.seconds / 1e6

    @property
    def own_per_flow(self):
        return self.run.own / self.rows

    @property
    def milliseconds(self):
        return self.run.seconds * 1e3

    def cells(self):
        if self.run is None or self.run.too_long:
            return [self.work, self.program, self.note]
        return [
            self.work,
            self.program,
            f"{self.run.seconds:.3f}",
            f"{self.run.cpu:.3f}",
            f"{self.packet_rate:.2f}",
            f"{self.trace.bytes / self.run.seconds / 1e9:.2f}",
            f"{self.ratio:.2f}" if self.ratio else "",
            f"{self.run.peak / 1e6:.0f}",
            f"{self.run.own / 1e6:.0f}" if self.run.own else "",
            f"{self.flow_rate:.2f}" if self.rows else "",
            f"{self.row_bytes:.0f}" if self.row_bytes else "",
            self.sight(),
        ]

    def sight(self):
        if self.seen is None:
            return self.note
        return f"{self.seen}, not {self.trace.packets}" if self.wrong else f"all {self.seen}"


def text(rows):
    """All rows, in columns."""
    cells = [HEAD, *(row.cells() for row in rows)]
    whole = [line for line in cells if len(line) == len(HEAD)]
    widths = [max(len(line[column]) for line in whole) for column in range(len(HEAD))]
    lines = ["", "ratio: to the floor of the same trace; gzip: rate over that of gzip -dc; cold: time over that of cat",
             "cpu: of all threads; peak: memory with mapped files, as the system counts; own: without", ""]
    for line in cells:
        left = [cell.ljust(width) for cell, width in zip(line[:2], widths)]
        right = [cell.rjust(width) for cell, width in zip(line[2:-1], widths[2:])]
        lines.append("  ".join([*left, *right, line[-1]] if len(line) == len(HEAD) else [*left, *line[2:]]).rstrip())
    return "\n".join(lines)


def verdicts(rows):
    """One line a target."""
    lines = [""]
    for row in rows:
        for target in row.targets:
            value = getattr(row, target.figure)
            met = value >= target.limit if target.at_least else value <= target.limit
            bound = "at least" if target.at_least else "at most"
            lines.append(
                f"{'met   ' if met else 'MISSED'} {row.work}, {row.program}: {value:.2f} {target.unit}"
                f" ({bound} {target.limit:g})"
            )
    return "\n".join(lines)
