"""Running the Prefect server of a home, for as long as it is wanted or for the duration of a command."""

import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from filelock import FileLock

from campaign.errors import NotPossible, WrongUsage
from campaign.settings import Settings
from deployments.encryption import VARIABLE, server_key
from deployments.environment import child_environment, make_home
from deployments.existing import check_version, is_healthy, server_of
from deployments.processes import Process, running

#: A first start makes Prefect's tables, on a slow machine for half a minute.
_START_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Server:
    """A Prefect server that we started."""

    url: str
    process: Process

    @property
    def api_url(self) -> str:
        """What PREFECT_API_URL must be to use it."""
        return f"{self.url}/api"


@contextmanager
def running_server(settings: Settings, port: int, *, ui: bool = True) -> Iterator[Server]:
    """Run this home's server, on loopback only, and let the other commands find it; raises WrongUsage, NotPossible."""
    with _started(settings, "server", port, ui=ui) as server, _published(settings, server.api_url):
        yield server


@contextmanager
def connected(settings: Settings) -> Iterator[str]:
    """Use the server that runs, or one for the duration of this block; gives its API address."""
    if api_url := server_of(settings):
        check_version(api_url)
        with used_by_prefect(api_url):
            yield api_url
        return
    sys.stderr.write("Starting a Prefect server for this command…\n")
    with _started(settings, "command-server", free_port(), ui=False) as server, used_by_prefect(server.api_url):
        try:
            yield server.api_url
        finally:
            _send_what_is_queued()


def _send_what_is_queued() -> None:
    """Let Prefect send its last log lines and events, which it does in the background, before the server ends."""
    for module, worker in (("prefect.logging.handlers", "APILogWorker"), ("prefect.events.worker", "EventsWorker")):
        if module in sys.modules:
            getattr(sys.modules[module], worker).drain_all(timeout=5)


def free_port() -> int:
    """A port of this machine that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _started(settings: Settings, name: str, port: int, *, ui: bool) -> Iterator[Server]:
    make_home(settings)
    url = f"http://127.0.0.1:{port}"
    environment = child_environment(settings) | {VARIABLE: server_key(settings), "PREFECT_API_URL": f"{url}/api"}
    command = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port), "--ui" if ui else "--no-ui"]
    # One after the other: two servers that make or migrate the tables at the same time get in each other's way.
    turn = FileLock(settings.home / "server.lock", timeout=_START_SECONDS)
    turn.acquire()
    try:
        check_free(port)
        with running(settings, name, command, environment) as process:
            server = Server(url, process)
            _wait_until_healthy(server)
            turn.release()
            yield server
    finally:
        turn.release()


def is_free(port: int) -> bool:
    """Whether a server of ours could listen on this port of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def check_free(port: int) -> None:
    """Raise WrongUsage when something else listens on this port."""
    if not is_free(port):
        raise WrongUsage(
            f"Port {port} cannot be used; stop what uses it, or name another one with --port or CAMPAIGN_SERVER_PORT."
        )


def _wait_until_healthy(server: Server) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not is_healthy(server.api_url):
        log = server.process.log
        if server.process.has_ended:
            raise NotPossible(f"The Prefect server did not start: {server.process.last_words()} More is in {log}.")
        if time.monotonic() > deadline:
            raise NotPossible(f"The Prefect server did not start within {_START_SECONDS} s; see {log}.")
        time.sleep(0.1)


@contextmanager
def _published(settings: Settings, api_url: str) -> Iterator[None]:
    file = settings.home / "server.url"
    file.write_text(f"{api_url} {os.getpid()}\n")
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


@contextmanager
def used_by_prefect(api_url: str) -> Iterator[None]:
    """Have Prefect in this process and in those it starts use that server, imported already or not."""
    before = os.environ.get("PREFECT_API_URL")
    os.environ["PREFECT_API_URL"] = api_url
    _reread_settings()
    try:
        yield
    finally:
        os.environ.pop("PREFECT_API_URL")
        if before is not None:
            os.environ["PREFECT_API_URL"] = before
        _reread_settings()


def _reread_settings() -> None:
    """Prefect reads the environment when it is imported: once it is, it must look again."""
    if "prefect.context" in sys.modules:
        from prefect.context import refresh_global_settings_context

        refresh_global_settings_context()
