"""`campaign up`, `deploy`, `web`, `db` and `simulator`: what runs on this machine."""

import os
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
from campaign.cli.runs import server_in_use
from campaign.errors import CampaignError, NotPossible, WrongUsage
from campaign.settings import Settings, load_settings

if TYPE_CHECKING:
    from deployments.server import Server

#: How often forms that were saved in the UI are looked for, in seconds.
_FORMS_EVERY = 3.0
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
    from deployments.processes import adopt, make_home

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
    from campaign.db import engine as schema
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
    from deployments.worker import running_web

    port = settings.web_port
    if not is_free(port):
        output.say(f"The web pages are not served: port {port} is in use. Name another one with CAMPAIGN_WEB_PORT.")
        return
    stack.enter_context(running_web(settings, api_url, port))
    output.say(f"The web pages are at {settings.public_url or f'http://127.0.0.1:{port}'}")


def _tell_what_is_missing(server: "Server") -> None:
    from campaign.services.store import connected_services

    known = connected_services()
    for problem in known.problems:
        output.say(problem)
    if not known.services and not known.problems:
        output.say(
            "There is no service yet. Connect your X account with `campaign service create HANDLE --label NAME`,"
            f" or fill in the form at {server.url}/v2/blocks/catalog/twitter-service/create"
        )


def _stay(server: "Server") -> NoReturn:
    shown: set[str] = set()
    while not server.process.has_ended:
        shown |= _take_over_forms(shown)
        time.sleep(_FORMS_EVERY)
    raise NotPossible(
        f"The Prefect server ended by itself: {server.process.last_words()} More is in {server.process.log}."
    )


def _take_over_forms(shown: set[str]) -> set[str]:
    """Takes over the forms of services that were saved meanwhile; returns the sentences about them, each shown once."""
    from campaign.services.store import connected_services
    from tasks.services import take_over

    try:
        take_over()
        problems = set(connected_services().problems)
    except CampaignError as error:
        problems = {str(error)}
    except Exception as error:  # noqa: BLE001  the server is busy or ends: the next look tells
        problems = {f"The forms of services were not taken over ({type(error).__name__}); it is tried again."}
    for sentence in sorted(problems - shown):
        output.say(sentence)
    return problems


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


#: Requests at the same time; whoever comes then is told to come back.
_AT_ONCE = 400
_KEEP_ALIVE_SECONDS = 5
_END_SECONDS = 3


def web(
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Port of the pages.", show_default="CAMPAIGN_WEB_PORT, or 4280"),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 for all of this machine.")] = "127.0.0.1",
) -> None:
    """Serve the pages on which people share their profile, the short links and the reports, until Ctrl-C.

    The world reaches them at CAMPAIGN_PUBLIC_URL, through a proxy of yours that adds HTTPS.
    """
    from campaign.db import engine as schema
    from deployments.processes import adopt
    from deployments.server import is_free, server_of, used_by_prefect

    settings = load_settings()
    port = port or settings.web_port
    if not is_free(port):
        raise WrongUsage(f"Port {port} cannot be used; stop what uses it, or name another one with --port.")
    schema.make_ready()
    # What the pages log is of no run: it belongs into the log of this process.
    os.environ.setdefault("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore")
    adopt(settings)
    with used_by_prefect(server_of(settings) or _usual(settings)):
        _serve(host, port, settings.public_url)


def _usual(settings: Settings) -> str:
    """Returns where the server of `campaign up` will be: everything works without it, but starts no workflow."""
    output.say("No Prefect server runs: profiles that people share are recovered once `campaign up` does.")
    return f"http://127.0.0.1:{settings.server_port}/api"


def _serve(host: str, port: int, public_url: str) -> None:
    import uvicorn

    from campaign.web.app import make_site

    output.say(f"The pages are at http://{host}:{port}" + (f", for the world at {public_url}" if public_url else ""))
    # No access log: addresses of pages hold what only their owner should see.
    uvicorn.run(
        make_site(_announce),
        host=host,
        port=port,
        access_log=False,
        log_level="warning",
        server_header=False,
        limit_concurrency=_AT_ONCE,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_END_SECONDS,
    )


def _announce(agreement: "Agreement") -> None:
    from tasks.contact_acquisition import announce_agreement

    announce_agreement(agreement)


if TYPE_CHECKING:
    from deployments.deploying import Deployed
    from models import Agreement


def deploy_command(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False) -> None:
    """Register the workflows, or their new versions: new ones are stopped, known ones stay as people left them.

    They go to the server that PREFECT_API_URL names, or else to that of this home.
    """
    from campaign.db.engine import make_ready

    make_ready()
    with server_in_use() as has_server:
        if not has_server:
            raise NotPossible(
                "No Prefect server runs for this home; start it with `campaign up`, which deploys the workflows too, or"
                " set PREFECT_API_URL."
            )
        from deployments.deploying import deploy
        from tasks.services import take_over

        with output.console.status("Deploying the workflows…"):
            workflows = deploy(load_settings())
        take_over()
    if as_json:
        output.print_json([_described(workflow) for workflow in workflows])
        return
    for workflow in workflows:
        print(_line(workflow))  # noqa: T201


def _described(workflow: "Deployed") -> dict[str, str | None]:
    state = "enabled" if workflow.is_enabled else "stopped"
    next_run = workflow.next_run.isoformat() if workflow.next_run else None
    return {"workflow": workflow.name, "state": state, "next_run": next_run}


def _line(workflow: "Deployed") -> str:
    if not workflow.is_enabled:
        return f"{workflow.name}: stopped; enable its schedule in the UI"
    if workflow.next_run is None:
        return f"{workflow.name}: enabled; its next run is planned within a minute while the server runs"
    return f"{workflow.name}: enabled; next run {workflow.next_run:%A %Y-%m-%d %H:%M %Z}"


database = typer.Typer(help="The schema of the database.", no_args_is_help=True)


@database.callback()
def _group() -> None:
    """Keep `upgrade` a subcommand though it is the only one."""


@database.command()
def upgrade() -> None:
    """Bring the database to the schema of this version; safe to run twice."""
    from campaign.db import engine as schema
    from campaign.db.engine import check_reachable

    check_reachable()
    schema.upgrade()
    output.say(f"The database is at revision {schema.newest_revision()}.")
    _take_over_old_forms()


def _take_over_old_forms() -> None:
    """Takes over keys that an earlier version kept in Prefect's forms, whether its server runs or not."""
    from deployments.server import server_of, take_over_resting_forms

    settings = load_settings()
    if server_of(settings) is None:
        count = take_over_resting_forms(settings)
        if count:
            output.say(f"The keys of {count} services were taken over from their forms into the database.")
        return
    from tasks.services import take_over

    with server_in_use():
        take_over()


def simulator(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine; 0 takes a free one.")] = 8085,
) -> None:
    """Serve a simulated X on this machine, empty at first, until Ctrl-C; see docs/simulator.md."""
    from campaign.simulator.server import serve

    try:
        serve(port=port)
    except OSError as error:
        raise WrongUsage(f"{error.strerror} Choose another --port.") from None


keys = typer.Typer(help="The key that encrypts the secrets in the database.", no_args_is_help=True)


@keys.command()
def rotate() -> None:
    """Encrypt all secrets with a new key, or with the first one of CAMPAIGN_ENCRYPTION_KEY; others go on meanwhile."""
    from campaign.db.engine import make_ready
    from campaign.db.vault import rotate_key

    make_ready()
    count = rotate_key(datetime.now(UTC))
    output.say(f"{count:,} secrets are encrypted with the new key. Make a backup of it now.")


@keys.command()
def discard(yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Delete every secret after the key was lost for good; the keys of services are then entered again."""
    from campaign.db.engine import make_ready, writing
    from campaign.db.vault import discard_all

    make_ready()
    if not yes and not typer.confirm("Delete the keys of all services and the tokens of all agreements?", err=True):
        raise NotPossible("Nothing was changed.")
    with writing() as session:
        count = discard_all(session)
    output.say(f"{count:,} secrets are deleted. Enter the keys again: campaign service edit HANDLE --keys")
