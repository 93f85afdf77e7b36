"""The CPU that commands take, beside importing SQLAlchemy and Pydantic alone.

CPU seconds, not the time: a machine that is busy takes longer, but hardly works more.
"""

import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.stage import control, simulator
from benchmarks.table import Line
from campaign.settings import Settings
from deployments.processes import make_home
from deployments.server import free_port

ROUNDS = 7
_BASE = ("-c", "import sqlalchemy, pydantic")
_NAME = "bench"
#: The most that a command may take, as a multiple of the base.
BOUNDS = {
    "--help": 0.7,
    "visitors": 3.2,
    "delivery list": 3.2,
    "service list": 3.2,
    "service check": 4.5,
    "delivery create": 4.5,
    "delivery analyse": 4.5,
    "delivery confirm": 4.5,
}


def measure() -> list[Line]:
    """Its lines of the table."""
    seconds = defaultdict[str, list[float]](list)
    with TemporaryDirectory(prefix="campaign-bench-", ignore_cleanup_errors=True) as home:
        settings = Settings(home=Path(home), x_api_url=f"http://127.0.0.1:{free_port()}")
        make_home(settings)
        with simulator(settings):
            _connect(settings)
            # The first round compiles modules and is not counted.
            for number in range(ROUNDS + 1):
                for what, taken in _round(settings).items():
                    if number:
                        seconds[what].append(taken)
    base = median(seconds.pop("base"))
    return [
        Line(f"CPU of campaign {what}, in imports of SQLAlchemy and Pydantic", median(taken) / base, most=BOUNDS[what])
        for what, taken in seconds.items()
    ]


def _connect(settings: Settings) -> None:
    """Connects a service with some followers."""
    account = control(settings.x_api_url, "POST", "/accounts", {"username": _NAME, "followers": 60})
    keys = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
    environment = {f"CAMPAIGN_{name.upper()}": str(account[name]) for name in keys}
    _campaign(settings, "service", "create", _NAME, **environment)
    _campaign(settings, "sync", _NAME)


def _round(settings: Settings) -> dict[str, float]:
    """Runs every command once; a post is created, analysed and confirmed."""
    taken = {"base": _run(settings, *_BASE)[0]}
    for look in ("--help", "visitors", "delivery list", "service list"):
        taken[look], _ = _campaign(settings, *look.split())
    taken["service check"], _ = _campaign(settings, "service", "check", _NAME)
    text = f"The news of run {os.urandom(4).hex()}"
    create = ("delivery", "create", "--service", _NAME, "--text", text, "--json")
    taken["delivery create"], said = _campaign(settings, *create)
    post = json.loads(said)["name"]
    for step in ("delivery analyse", "delivery confirm"):
        taken[step], _ = _campaign(settings, *step.split(), post)
    return taken


def _campaign(settings: Settings, *arguments: str, **more: str) -> tuple[float, str]:
    return _run(settings, "-m", "campaign.cli", *arguments, **more)


def _run(settings: Settings, *arguments: str, **more: str) -> tuple[float, str]:
    """Runs Python and returns the CPU seconds that it took, and its output."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("CAMPAIGN_", "PREFECT_"))}
    ours = {"CAMPAIGN_HOME": str(settings.home), "CAMPAIGN_X_API_URL": settings.x_api_url}
    said, errors = settings.home / "said.txt", settings.home / "errors.txt"
    with said.open("w") as out, errors.open("w") as err:
        process = subprocess.Popen([sys.executable, *arguments], env=inherited | ours | more, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(arguments)} failed: {errors.read_text()[-2000:]}")
    return usage.ru_utime + usage.ru_stime, said.read_text()
