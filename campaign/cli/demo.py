"""`campaign demo`: the whole story on a simulated X."""

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import pendulum
import requests
import typer

from campaign.cli import output
from campaign.cli.output import progress
from campaign.cli.server import ending_in_order, start_everything, step
from campaign.errors import NotPossible
from campaign.formatting import usd
from campaign.settings import Settings, load_settings

BRAND, FOLLOWERS = "acme", 12_000
_JOIN, _LEAVE, _RENAMED = 250, 120, 80


class SimulatedBrand:
    """A brand on the simulator at `x_url`; see docs/simulator.md for the calls."""

    def __init__(self, x_url: str) -> None:
        self._control = f"{x_url}/control/accounts"

    def open_account(self, callback_url: str) -> dict[str, str]:
        """Make the account with its followers and return its keys; people who sign in are sent to `callback_url`."""
        wanted = {"username": BRAND, "name": "Acme", "followers": FOLLOWERS, "callbacks": [callback_url]}
        account = self._call("POST", "", wanted)
        return {name: account[name] for name in account if name not in {"username", "user_id"}}

    def let_time_pass(self) -> str:
        """Have people join, leave and rename themselves; say so in a sentence."""
        self._call("DELETE", f"/{BRAND}/followers", {"count": _LEAVE})
        self._call("POST", f"/{BRAND}/renames", {"count": _RENAMED})
        self._call("POST", f"/{BRAND}/followers", {"count": _JOIN})
        return f"{_JOIN} people begin to follow @{BRAND}, {_LEAVE} leave, {_RENAMED} rename themselves"

    def _call(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = requests.request(method, self._control + path, json=body, timeout=30)
            answer.raise_for_status()
        except requests.RequestException as error:
            raise NotPossible(f"The simulator does not answer as it should ({type(error).__name__}).") from None
        return dict(answer.json())


#: A run that has not ended by then will not.
_RUN_SECONDS = 300
_PURPOSE = "To greet you by your name, and to tell you only what is of interest to you."


def demo(
    leave: Annotated[bool, typer.Option("--exit", help="End after the story instead of keeping the UI up.")] = False,
) -> None:
    """Show the whole story on a simulated X: connect a brand, synchronise its followers, see what changes.

    Everything lives in a temporary home, unless CAMPAIGN_HOME names one. Ctrl-C ends everything that was started.
    """
    with ending_in_order(), ExitStack() as stack:
        try:
            _tell_story(stack, stay=not leave)
        except KeyboardInterrupt:
            output.say("Stopped; every process of the demo has ended.")


def _tell_story(stack: ExitStack, *, stay: bool) -> None:
    from deployments.processes import adopt

    began = time.monotonic()
    brand = _enter_simulated_world(stack)
    settings = load_settings()
    adopt(settings)
    server = start_everything(settings, _port(settings), stack)
    with step(f"Connecting the X account @{BRAND}"):
        _connect(brand)
    _show_sync("Reading every follower")
    _show_visitors()
    output.say(f"Time passes: {brand.let_time_pass()}.")
    _show_sync("Reading them again")
    output.say(f"The story took {time.monotonic() - began:.0f} s.")
    if stay:
        output.say(f"People share their profile at {settings.public_url}/join/{BRAND}")
        output.say(f"The UI is at {server.url} - look around; Ctrl-C ends everything.")
        signal.pause()


def _port(settings: Settings) -> int:
    """The usual port of the UI, or a free one where something runs there already."""
    from deployments.server import free_port, is_free

    return settings.server_port if is_free(settings.server_port) else free_port()


def _web_port() -> int:
    """The usual port of the web pages, or a free one in the same way."""
    from deployments.server import free_port, is_free

    wanted = Settings().web_port
    return wanted if is_free(wanted) else free_port()


def _enter_simulated_world(stack: ExitStack) -> SimulatedBrand:
    """Point the settings of this process at a home of its own and at a simulator, and start the simulator."""
    home = os.environ.get("CAMPAIGN_HOME") or stack.enter_context(_temporary_home())
    os.environ["CAMPAIGN_HOME"] = home
    for name in ("CAMPAIGN_DATABASE_URL", "PREFECT_API_URL", "PREFECT_HOME"):
        os.environ.pop(name, None)
    port = _web_port()
    os.environ |= {"CAMPAIGN_WEB_PORT": str(port), "CAMPAIGN_PUBLIC_URL": f"http://127.0.0.1:{port}"}
    with step("Starting a simulated X"):
        os.environ["CAMPAIGN_X_API_URL"] = x_url = _start_simulator(Path(home), stack)
    load_settings.cache_clear()
    return SimulatedBrand(x_url)


@contextmanager
def _temporary_home() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="campaign-demo-", ignore_cleanup_errors=True) as home:
        yield home


def _start_simulator(home: Path, stack: ExitStack) -> str:
    from deployments.processes import child_environment, make_home, running
    from deployments.server import free_port

    settings = Settings(home=home)
    make_home(settings)
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = ["campaign.simulator", "--port", str(port)]
    process = stack.enter_context(running(settings, "simulator", command, child_environment(settings)))
    while "http" not in process.last_words():
        if process.has_ended:
            raise NotPossible(f"The simulator did not start: {process.last_words()}")
        time.sleep(0.05)
    return url


def _connect(brand: SimulatedBrand) -> None:
    from campaign.cli.service import save_changed, save_new
    from campaign.services.store import connected_services

    keys = brand.open_account(f"{load_settings().public_url}/join/callback")
    values = {"label": "Acme (simulated)", "internal_name": BRAND, "join_purpose": _PURPOSE} | keys
    if any(service.internal_name == BRAND for service in connected_services().services):
        save_changed(BRAND, values)
    else:
        save_new(values)


def _show_sync(title: str) -> None:
    from campaign.audience import sync as sync_runs
    from campaign.db.engine import reading
    from campaign.services.store import find_service

    service, began = find_service(BRAND), pendulum.now("UTC")
    with step(f"{title}, by an ad hoc run of the deployment"), progress([service]):
        _run_deployment()
    with reading() as session:
        runs = sync_runs.touched_since(session, began, [service.id])
    output.print_table([sync_runs.report_on(service, run.id).as_row() for run in runs])


def _run_deployment() -> None:
    from prefect.deployments import run_deployment

    run: Any = run_deployment(
        "account-sync/account-sync",
        parameters={"services": [BRAND]},
        timeout=_RUN_SECONDS,
        poll_interval=0.5,
        as_subflow=False,
    )
    if run.state is None or not run.state.is_completed():
        raise NotPossible(f"The run {run.name} did not complete: {run.state.message if run.state else 'no state'}")


def _show_visitors() -> None:
    from campaign.audience import visitors
    from campaign.db.engine import reading
    from campaign.limits import spend_cap as ledgers
    from campaign.services.store import find_service

    service = find_service(BRAND)
    with reading() as session:
        everybody = visitors.selection_of(session, BRAND, None, ended=False)
        count = visitors.count_visitors(session, everybody)
        sample = list(visitors.select_visitors(session, everybody, limit=5))
        spent = ledgers.spent(session, service.id, pendulum.now("UTC"))
    output.say(f"{count:,} visitors, {usd(spent)} of this month's {usd(service.spend_cap)}; five of them:")
    output.print_table([row.as_row() for row in sample])
