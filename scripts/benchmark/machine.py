"""What the figures were taken on."""

import datetime
import os
import platform
import subprocess


def describe(goostat):
    """Three lines about the machine, the moment and the program."""
    version = subprocess.run([goostat, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return "\n".join([
        f"{processor()}, {os.cpu_count()} cores, {memory():.0f} GB, {platform.system()} {platform.release()}",
        f"{datetime.date.today()}, load before {load}",
        version,
    ])


def processor():
    for line in lines("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def memory():
    for line in lines("/proc/meminfo"):
        if line.startswith("MemTotal"):
            return int(line.split()[1]) / 1e6
    return 0


def lines(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.readlines()
    except OSError:
        return []
