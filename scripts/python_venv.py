"""The Python that reads the tables: an environment of the project's own below target/.

As a program it prints the path of its interpreter."""

import fcntl
import subprocess
import sys
import venv
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent / "target" / "python-venv"
PACKAGES = ["duckdb", "pandas", "pyarrow"]


def python_of_the_project():
    """The interpreter of target/python-venv, made if it is not there. Who comes while it is being made waits."""
    python = HOME / "bin" / "python"
    HOME.parent.mkdir(exist_ok=True)
    with open(HOME.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not has_the_packages(python):
            venv.create(HOME, clear=True, with_pip=True)
            pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, *PACKAGES], check=True, stdout=sys.stderr)
    return python


def has_the_packages(python):
    """Whether they import: an environment that was left half-made has the interpreter alone."""
    if not python.exists():
        return False
    imports = [python, "-c", f"import {', '.join(PACKAGES)}"]
    return subprocess.run(imports, stderr=subprocess.DEVNULL).returncode == 0


if __name__ == "__main__":
    print(python_of_the_project())
