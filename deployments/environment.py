"""The settings of Prefect for every process of a home: this command, the server, the worker and its runs.

Prefect reads them when it is imported, so this module does not import it.
"""

import json
import os

from pydantic import SecretStr

from campaign.errors import WrongUsage
from campaign.settings import Settings

#: Seconds between two signs of life of a flow run; the shortest that Prefect allows.
HEARTBEAT_SECONDS = 30

_QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
}


def prefect_environment(settings: Settings) -> dict[str, str]:
    """What Prefect is told in every process of this home: where it lives, to send nothing home, and its pace."""
    return _QUIET | {
        "PREFECT_HOME": str(settings.prefect_home),
        # Its default is inside the installed package, which not everybody may write to.
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(settings.prefect_home / "ui"),
        "PREFECT_LOGGING_EXTRA_LOGGERS": "campaign",
        # The default of 10 makes a person who started a run wait for nothing.
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_SECONDS),
    }


def adopt(settings: Settings) -> None:
    """Put them into this process, before Prefect is imported; what the operator set stays."""
    for name, value in prefect_environment(settings).items():
        os.environ.setdefault(name, value)
    # A proxy cannot reach this machine's loopback addresses, where the server of `campaign up` is.
    direct = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    os.environ["no_proxy"] = ",".join(dict.fromkeys([*filter(None, direct.split(",")), "127.0.0.1", "localhost"]))


def child_environment(settings: Settings) -> dict[str, str]:
    """The environment of a process of this home: the operator's, with the settings of both spelt out.

    The encryption key is not part of it: only the server needs it.
    """
    ours = {f"CAMPAIGN_{name.upper()}": _spelt(value) for name, value in settings.model_dump().items()}
    inherited = {name: value for name, value in os.environ.items() if name != "PREFECT_SERVER_ENCRYPTION_KEY"}
    return prefect_environment(settings) | inherited | ours


def _spelt(value: object) -> str:
    """A setting as it is read from the environment."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return json.dumps(value) if isinstance(value, dict) else str(value)


def make_home(settings: Settings) -> None:
    """Make the home, for its owner only; raises WrongUsage when it cannot be written to."""
    home = settings.home
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (settings.prefect_home, home / "logs"):
            folder.mkdir(mode=0o700, exist_ok=True)
        (home / "logs" / ".writable").touch()
        (home / "logs" / ".writable").unlink()
    except OSError as error:
        raise WrongUsage(
            f"{home} cannot be written to ({error.strerror}); set CAMPAIGN_HOME to a folder that can."
        ) from None
