"""Runs programs and takes their time and memory."""

import dataclasses
import os
import statistics
import subprocess
import tempfile
import threading
import time

SAMPLE_SECONDS = 0.02


@dataclasses.dataclass
class Run:
    """One run of a program."""

    seconds: float
    # Processor time of all threads.
    cpu: float
    # The most memory it held, in bytes, with the parts of mapped files that were in memory; then without them.
    # The first is at least what this script holds, because a process begins as a copy of the one that starts it.
    peak: int
    own: int
    code: int
    stdout: str
    stderr: str
    too_long: bool = False


def run(command, limit=None, watch=True):
    """Runs a command to its end, or for `limit` seconds."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begun = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        watcher = Watcher(process, limit)
        if watch or limit:
            watcher.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        watcher.done.set()
        if watch or limit:
            watcher.join()
        return Run(
            seconds=seconds,
            cpu=usage.ru_utime + usage.ru_stime,
            peak=usage.ru_maxrss * 1024,
            own=watcher.own,
            code=process.returncode,
            stdout=content(out),
            stderr=content(err),
            too_long=watcher.too_long,
        )


def check(command):
    """Runs a command that has to succeed."""
    result = run(command)
    if result.code != 0:
        raise SystemExit(f"{' '.join(command)}: exit {result.code}\n{result.stderr}")
    return result


def median(runs):
    """The median of times and memory; the rest is the last run's."""
    return dataclasses.replace(
        runs[-1],
        seconds=statistics.median(run.seconds for run in runs),
        cpu=statistics.median(run.cpu for run in runs),
        peak=int(statistics.median(run.peak for run in runs)),
        own=max(run.own for run in runs),
    )


def drop_from_cache(paths):
    """Has the next reader of the files wait for the disk."""
    for path in paths:
        with open(path, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


class Watcher(threading.Thread):
    """Looks at a process's own memory now and then, and ends it when its time is over."""

    def __init__(self, process, limit):
        super().__init__(daemon=True)
        self.process = process
        self.deadline = time.monotonic() + limit if limit else None
        self.done = threading.Event()
        self.own = 0
        self.too_long = False

    def run(self):
        while not self.done.wait(SAMPLE_SECONDS):
            self.own = max(self.own, own_memory(self.process.pid))
            if self.deadline and time.monotonic() > self.deadline:
                self.too_long = True
                self.process.kill()
                return


def own_memory(pid):
    """Memory of a process that is no mapped file, in bytes."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            for line in file:
                if line.startswith("RssAnon"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def content(file):
    file.seek(0)
    return file.read().decode(errors="replace")
