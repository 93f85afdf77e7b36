"""How long the pinned packages take to install with uv, beside pip: into new environments, from empty caches."""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measuring import say
from benchmarks.table import Line
from campaign.settings import ROOT

ROUNDS = 3
_LIST = ("--quiet", "--no-deps", "--require-hashes", "-r", str(ROOT / "constraints.txt"))


def measure() -> list[Line]:
    """Its lines of the table; the two take turns, and uv's time holds the installation of uv itself."""
    pip, uv = [], []
    for turn in range(ROUNDS):
        pip.append(_install(with_uv=False))
        uv.append(_install(with_uv=True))
        say(f"round {turn + 1}: pip {pip[-1]:.1f} s, uv {uv[-1]:.1f} s")
    ratio = statistics.median(uv) / statistics.median(pip)
    return [Line("seconds of installing with uv, against pip", ratio, most=1 / 3)]


def _install(*, with_uv: bool) -> float:
    with TemporaryDirectory(prefix="campaign-bench-") as folder:
        python = Path(folder, "venv", "bin", "python")
        pip = [str(python), "-m", "pip", "install", "--no-cache-dir", "--disable-pip-version-check"]
        uv = [str(python.with_name("uv")), "pip", "install", "--python", str(python)]
        began = time.monotonic()
        subprocess.run([sys.executable, "-m", "venv", str(python.parents[1])], check=True)
        if with_uv:
            tool = ["--quiet", "--no-deps", "--require-hashes", "-r", str(ROOT / "deployments" / "uv.txt")]
            subprocess.run([*pip, *tool], check=True, stderr=subprocess.DEVNULL)
        environment = os.environ | {"UV_CACHE_DIR": str(Path(folder, "cache"))}
        subprocess.run([*(uv if with_uv else pip), *_LIST], env=environment, check=True, stderr=subprocess.DEVNULL)
        return time.monotonic() - began
