"""A server of another patch version of Prefect, installed apart: commands, a worker and a run of ours work with it."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measuring import say
from benchmarks.stage import simulator
from benchmarks.table import Line
from campaign.settings import ROOT, Settings
from deployments.processes import child_environment, make_home
from deployments.server import free_port, is_healthy

#: The one before the pinned one; an index without a later one has none to try.
OTHERS = ("3.8.7",)
_SECONDS = 240


def measure() -> list[Line]:
    """Its lines of the table."""
    return [Line(f"runs that a server of Prefect {one} completed", _try(one), least=1, unit="run") for one in OTHERS]


def _try(other: str) -> int:
    with TemporaryDirectory(prefix="campaign-bench-", ignore_cleanup_errors=True) as folder:
        settings = Settings(home=Path(folder, "home"), x_api_url=f"http://127.0.0.1:{free_port()}")
        make_home(settings)
        with simulator(settings), _server(Path(folder), other) as api_url:
            say(f"server of Prefect {other}, everything else {version('prefect')}")
            environment = {**child_environment(settings), "PREFECT_API_URL": api_url}
            _campaign(environment, "deploy")
            with _process([*_COMMAND, "worker"], environment, Path(folder, "worker.log")):
                code = (
                    "from prefect.deployments import run_deployment as run;"
                    f"print(run('contact-acquisition/contact-acquisition', timeout={_SECONDS}).state_name)"
                )
                ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False)
            return int(b"Completed" in ended.stdout)


_COMMAND = [sys.executable, "-m", "campaign.cli"]


def _campaign(environment: dict[str, str], *arguments: str) -> None:
    ended = subprocess.run([*_COMMAND, *arguments], env=environment, capture_output=True, text=True, check=False)
    if ended.returncode:
        sys.exit(f"campaign {arguments[0]} failed: {ended.stderr[-2000:]}")


@contextmanager
def _server(folder: Path, other: str) -> Iterator[str]:
    """Installs Prefect of another version with our pins of all else, and starts its server."""
    python = folder / "venv" / "bin" / "python"
    pins = re.findall(r"^[a-z0-9._-]+==[^\s\\]+(?: ; [^\\\n]+)?", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join(pin for pin in pins if not pin.startswith("prefect==")))
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(python.parents[1])], check=True)
    uv = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet", "--python", str(python)]
    subprocess.run([*uv, "-c", str(constraints), f"prefect=={other}"], check=True)
    port = free_port()
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "PYTHON"))}
    environment = ours | {"PREFECT_HOME": str(folder / "prefect"), "DO_NOT_TRACK": "1"}
    api_url = f"http://127.0.0.1:{port}/api"
    command = [str(python), "-m", "prefect", "server", "start", "--port", str(port), "--no-ui"]
    with _process(command, environment, folder / "server.log"):
        deadline = time.monotonic() + _SECONDS
        while not is_healthy(api_url):
            if time.monotonic() > deadline:
                sys.exit(f"The server of Prefect {other} did not start: {(folder / 'server.log').read_text()[-2000:]}")
            time.sleep(0.2)
        yield api_url


@contextmanager
def _process(command: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as file:
        process = subprocess.Popen(command, env=environment, stdout=file, stderr=file, start_new_session=True)
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)
