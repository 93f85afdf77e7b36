"""Processes that end when this one does, and the settings of Prefect in each of them.

Prefect reads its settings when it is imported, so this module does not import it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from campaign.errors import unwritable
from campaign.logs import JSON_FORMATTER
from campaign.settings import ROOT, Settings, read_secret_file
from deployments.keeper import GRACE_SECONDS

_QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
}


def prefect_environment(settings: Settings) -> dict[str, str]:
    """Builds Prefect's settings for every process of this home: its folders, its pace, and no telemetry."""
    return _QUIET | {
        # A folder `flows` or `deployments` where the operator stands does not take the place of ours.
        "PYTHONSAFEPATH": "1",
        "PREFECT_HOME": str(settings.prefect_home),
        # Its default is inside the installed package, which may be read-only.
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(settings.prefect_home / "ui"),
        "PREFECT_LOGGING_EXTRA_LOGGERS": "campaign",
        # Runs, their logs and artifacts go 90 days after their end, and events as late. Of the two names of this
        # setting the last one is the weaker, so that an operator's wins.
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(90 * 24 * 3600),
        "PREFECT_EVENTS_RETENTION_PERIOD": "P90D",
        # With the default of 10 a run that a person starts begins late.
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        # Prometheus reads them at /api/metrics, with the password.
        "PREFECT_SERVER_METRICS_ENABLED": "true",
        **log_environment(settings),
    }


def log_environment(settings: Settings) -> dict[str, str]:
    """Builds Prefect's settings for the format of its logs, which every run of a worker inherits."""
    if settings.log_format != "json":
        return {}
    return {
        "PREFECT_LOGGING_FORMATTERS_JSON_CLASS": JSON_FORMATTER,
        "PREFECT_LOGGING_HANDLERS_CONSOLE_FORMATTER": "json",
        "PREFECT_LOGGING_HANDLERS_DEBUG_FORMATTER": "json",
        # Colours are characters that JSON does not allow.
        "PREFECT_LOGGING_COLORS": "false",
    }


#: Prefect's own secrets, which it reads from its environment only.
_PREFECT_SECRETS = (
    "PREFECT_API_AUTH_STRING",
    "PREFECT_API_KEY",
    "PREFECT_REDIS_MESSAGING_URL",
    "PREFECT_SERVER_API_AUTH_STRING",
    "PREFECT_SERVER_DATABASE_CONNECTION_URL",
    "PREFECT_SERVER_DOCKET_URL",
    "PREFECT_SERVER_ENCRYPTION_KEY",
)


def adopt_secret_files() -> None:
    """Puts the secrets of Prefect whose files are named by `PREFECT_..._FILE` into this process; raises WrongUsage."""
    for name in _PREFECT_SECRETS:
        if secret := read_secret_file(name):
            os.environ[name] = secret
            # So that children, which inherit the secret, do not find it twice.
            del os.environ[f"{name}_FILE"]


def adopt(settings: Settings) -> None:
    """Puts them into this process, before Prefect is imported; the operator's own settings stay."""
    for name, value in prefect_environment(settings).items():
        os.environ.setdefault(name, value)
    # A proxy cannot reach this machine's loopback addresses, where the server of `campaign up` is.
    direct = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    os.environ["no_proxy"] = ",".join(dict.fromkeys([*filter(None, direct.split(",")), "127.0.0.1", "localhost"]))


def child_environment(settings: Settings) -> dict[str, str]:
    """Builds the environment of a process of this home: the operator's, with all settings of campaign and Prefect.

    It has no encryption key, which only the server needs.
    """
    ours = {}
    for name, value in settings.model_dump().items():
        text = json.dumps(value) if isinstance(value, dict) else "" if value is None else str(value)
        ours[f"CAMPAIGN_{name.upper()}"] = value.get_secret_value() if isinstance(value, SecretStr) else text
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name != "PREFECT_SERVER_ENCRYPTION_KEY" and name.removesuffix("_FILE") not in ours
    }
    path = os.pathsep.join(filter(None, [str(ROOT), inherited.get("PYTHONPATH")]))
    return prefect_environment(settings) | inherited | ours | {"PYTHONPATH": path}


def make_home(settings: Settings) -> None:
    """Makes the home, for its owner only; raises WrongUsage when it cannot be written to."""
    home = settings.home
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (settings.prefect_home, home / "logs"):
            folder.mkdir(mode=0o700, exist_ok=True)
        (home / "logs" / ".writable").touch()
        (home / "logs" / ".writable").unlink()
    except OSError as error:
        raise unwritable(home, error) from None
    try:
        settings.media_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(settings.media_folder, error, "CAMPAIGN_MEDIA_FOLDER") from None


@dataclass(frozen=True, slots=True)
class Process:
    """A module that runs beside this process, and its log."""

    popen: subprocess.Popen[bytes]
    log: Path

    @property
    def has_ended(self) -> bool:
        """Tests whether it ended by itself."""
        return self.popen.poll() is not None

    def last_line(self) -> str:
        """Reads the last line of its log."""
        lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return lines[-1] if lines else "it printed nothing."


@contextmanager
def running(
    settings: Settings, name: str, command: Sequence[str], environment: Mapping[str, str], *, restarted: bool = False
) -> Iterator[Process]:
    """Runs `python -m COMMAND` for as long as the block; call it in the main thread, whose end would end it too.

    Its own processes end with it. The terminal's signals do not reach it, so that this process decides the order.
    """
    log = settings.home / "logs" / f"{name}.log"
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    log.touch(mode=0o600)
    keeper = [sys.executable, "-m", "deployments.keeper", str(os.getpid()), str(log)]
    popen = subprocess.Popen(  # noqa: S603
        [*keeper, "always" if restarted else "once", *command],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield Process(popen, log)
    finally:
        popen.terminate()
        try:
            popen.wait(GRACE_SECONDS + 2)
        except subprocess.TimeoutExpired:
            popen.kill()
            popen.wait()
