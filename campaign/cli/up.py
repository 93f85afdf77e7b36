"""`campaign up`: the embedded default, everything on this machine until Ctrl-C."""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from types import FrameType
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from filelock import FileLock, Timeout

from campaign.cli import output
from campaign.errors import NotPossible, WrongUsage
from campaign.settings import Settings, load_settings

if TYPE_CHECKING:
    from deployments.server import Server

_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def up(
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Port of the UI.", show_default="CAMPAIGN_SERVER_PORT, or 4200"),
    ] = None,
) -> None:
    """Start the Prefect server with its UI, a worker and the web pages on this machine, until Ctrl-C.

    Existing data is kept, the database is migrated and the workflows are deployed: stopped, until you enable them.
    """
    from deployments.environment import adopt, make_home

    settings = load_settings()
    make_home(settings)
    adopt(settings)
    with ending_in_order(), _only_once(settings):
        try:
            _run(settings, port or settings.server_port)
        except KeyboardInterrupt:
            output.say("Stopped; everything is kept for the next `campaign up`.")


def _run(settings: Settings, port: int) -> None:
    with ExitStack() as stack:
        server = start_everything(settings, port, stack)
        _tell_what_is_missing(server)
        output.say(f"The UI is at {server.url} - Ctrl-C ends everything that was started here.")
        _stay(server)


def start_everything(settings: Settings, port: int, stack: ExitStack) -> "Server":
    """Start server and worker and deploy the workflows, with a line per step; all of it ends with the stack."""
    from campaign.store import schema
    from deployments.server import running_server, used_by_prefect

    with step("Preparing the database"):
        schema.make_ready()
    # It ends in reverse order: first the worker with its runs, which can then still report their end.
    with step("Starting the Prefect server"):
        server = stack.enter_context(running_server(settings, port))
        stack.enter_context(used_by_prefect(server.api_url))
    _start_worker(settings, server.api_url, stack)
    _start_web(settings, server.api_url, stack)
    return server


def _start_worker(settings: Settings, api_url: str, stack: ExitStack) -> None:
    from deployments.deploying import deploy
    from deployments.worker import make_pool, running_worker, wait_for_worker

    make_pool()
    begin = datetime.now(UTC)
    stack.enter_context(running_worker(settings, api_url))  # it starts while the workflows are deployed
    with step("Deploying the workflows"):
        deploy(settings)
    with step("Starting the worker"):
        wait_for_worker(begin)


def _start_web(settings: Settings, api_url: str, stack: ExitStack) -> None:
    from deployments.server import is_free
    from deployments.web import running_web

    port = settings.web_port
    if not is_free(port):
        output.say(f"The web pages are not served: port {port} is in use. Name another one with CAMPAIGN_WEB_PORT.")
        return
    stack.enter_context(running_web(settings, api_url, port))
    output.say(f"The web pages are at {settings.public_url or f'http://127.0.0.1:{port}'}")


def _tell_what_is_missing(server: "Server") -> None:
    from tasks.services import saved_services

    try:
        saved = saved_services()
    except NotPossible as error:  # the UI is needed to put it right
        output.say(str(error))
        return
    for problem in saved.problems:
        output.say(problem)
    if not saved.services:
        output.say(
            "There is no service yet. Connect your X account with `campaign service create HANDLE --label NAME`,"
            f" or fill in the form at {server.url}/v2/blocks/catalog/twitter-service/create"
        )


def _stay(server: "Server") -> NoReturn:
    while not server.process.has_ended:
        time.sleep(0.5)
    raise NotPossible(
        f"The Prefect server ended by itself: {server.process.last_words()} More is in {server.process.log}."
    )


@contextmanager
def _only_once(settings: Settings) -> Iterator[None]:
    lock = FileLock(settings.home / "up.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise WrongUsage(
            f"`campaign up` already runs for {settings.home}; use it, stop it, or set CAMPAIGN_HOME to another folder."
        ) from None
    with lock:
        yield


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Make every way of ending a KeyboardInterrupt, and the first one the last: nothing disturbs the cleaning up."""

    def end(_number: int, _frame: FrameType | None) -> NoReturn:
        for one in _ENDINGS:
            signal.signal(one, signal.SIG_IGN)
        raise KeyboardInterrupt

    # Started with nohup, it must survive the end of the terminal.
    heard = [one for one in _ENDINGS if one is not signal.SIGHUP or signal.getsignal(one) is not signal.SIG_IGN]
    before = {number: signal.signal(number, end) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def step(title: str) -> Iterator[None]:
    """Show that something is going on, and that it is done."""
    begin = time.monotonic()
    with output.console.status(f"{title}…"):
        yield
    output.say(f"{title}: done ({time.monotonic() - begin:.1f} s)")
