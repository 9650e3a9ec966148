"""The Python packages that checks of the tables need, in an environment of their own below target/."""

import subprocess
import venv
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent / "target" / "python-venv"


def python_with_pyarrow():
    """The interpreter of target/python-venv, made if it is not there."""
    python = HOME / "bin" / "python"
    if not python.exists():
        venv.create(HOME, with_pip=True)
    if subprocess.run([python, "-c", "import pyarrow"], stderr=subprocess.DEVNULL).returncode:
        subprocess.run([python, "-m", "pip", "install", "-q", "pyarrow", "duckdb", "pandas"], check=True)
    return python
