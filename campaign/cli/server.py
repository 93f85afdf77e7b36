"""`campaign up`, `web`, `simulator`, `deploy`, `workflow`, `worker`, `move`, `notify`: what runs on this machine.

Also the flows that a command runs, and the workflows on a Prefect server of any kind.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import pendulum
import typer

from campaign.cli import output
from campaign.cli.output import AsJson
from campaign.db.engine import make_ready, transaction
from campaign.errors import CampaignError, NotPossible, WrongUsage
from campaign.settings import Settings, load_settings
from campaign.users import store as users

if TYPE_CHECKING:
    from campaign.db.engine import Announcement
    from deployments.server import Server
    from models import Agreement


#: Seconds between two searches for forms that were saved in the UI.
_FORMS_EVERY = 2.0
_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def up(
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Port of the UI.", show_default="CAMPAIGN_SERVER_PORT, or 4200"),
    ] = None,
) -> None:
    """Start the Prefect server with its UI, a worker and the web pages. They run until Ctrl-C.

    Existing data is kept, the database is migrated and the workflows are deployed: stopped, until you enable them.
    """
    from campaign.services.store import connected_services
    from deployments.processes import adopt, make_home
    from deployments.server import check_not_moved

    settings = load_settings()
    make_home(settings)
    check_not_moved(settings)
    adopt(settings)
    with ending_in_order(), _only_once(settings):
        try:
            with ExitStack() as stack:
                server = start_everything(settings, port or settings.server_port, stack)
                known = connected_services()
                for problem in known.problems:
                    output.say(problem)
                if not known.services and not known.problems:
                    output.say(
                        "There is no service yet. Connect your X account with `campaign service create HANDLE --label"
                        f" NAME`, or fill in the form at {server.url}/v2/blocks/catalog/twitter-service/create"
                    )
                output.say(f"The UI asks once for this password: {server.password}")
                if link := first_link():
                    output.say(f"Open the desk with this link, which works once: {settings.pages_url}{link}")
                else:
                    output.say(f"The desk is at {settings.pages_url}/desk")
                output.say(f"The UI is at {server.url} - Ctrl-C ends everything that was started here.")
                _take_over_forms_until_end(server)
        except KeyboardInterrupt:
            output.say("Stopped; everything is kept for the next `campaign up`.")


def start_everything(
    settings: Settings, port: int, stack: ExitStack, *, meanwhile: Callable[[], None] | None = None
) -> "Server":
    """Starts server, worker and web pages and deploys the workflows, with a line per step; the stack ends them.

    `meanwhile` is done while the server starts, which needs longer than anything else; it cannot use the server.
    """
    from deployments.launch import without_garbage_collection
    from deployments.server import drain_prefect, is_free, published, starting_server, used_by_prefect

    # The stack ends them in reverse order: first the worker with its runs, which can then still report their end.
    server = stack.enter_context(starting_server(settings, port))
    if meanwhile:
        meanwhile()
    with step("Starting the Prefect server"):
        stack.enter_context(used_by_prefect(server.address))
        # Prefect's last events go to this server; at the end of the process Prefect would try for minutes.
        stack.callback(drain_prefect)
        # Meanwhile, one after the other: a third busy process would delay the server on two processors.
        from campaign.db.engine import make_ready

        make_ready()
        with without_garbage_collection():
            from campaign.db.engine import listen
            from deployments.deploying import deploy_and_begin, load_workflows
            from deployments.worker import running_web, running_worker, wait_for_worker
            from tasks.continuation import send_events

            listen(send_events)
            load_workflows()
        stack.enter_context(running_worker(settings, server.address))
        server.wait_until_healthy()
    with step("Deploying the workflows"):
        deploy_and_begin(settings)
    with step("Starting the worker"):
        began = datetime.now(UTC)
        stack.enter_context(published(settings, server))
        wait_for_worker(began)
    web_port = settings.web_port
    if is_free(web_port):
        stack.enter_context(running_web(settings, server.address, web_port))
        output.say(f"The web pages begin at {settings.pages_url}")
    else:
        output.say(f"The web pages are not served: port {web_port} is in use. Name another one with CAMPAIGN_WEB_PORT.")
    return server


def first_link() -> str:
    """Returns the one-time link of the first operator, who is made where there is no account; empty otherwise."""
    import pendulum

    from campaign.db.engine import transaction
    from campaign.deliveries.approval import current_user
    from campaign.users import store as users
    from models import EVERY_SERVICE, Role

    with transaction() as session:
        known = users.list_users(session)
        if any(one.password_hash or one.subject for one in known):
            return ""
        name = current_user().lower()
        name = name if users.is_name(name) else "operator"
        of_all = {EVERY_SERVICE: Role.OPERATOR}
        operators = [one for one in known if users.roles_of(session, one).items() >= of_all.items()]
        user = operators[0] if operators else users.add_user(session, name, name, of_all, pendulum.now("UTC"))
        return users.one_time_link(user)


def _take_over_forms_until_end(server: "Server") -> NoReturn:
    """Takes over the forms of services that are saved in the UI; shows each problem with them once."""
    from campaign.services.store import connected_services
    from tasks.services import take_over

    shown: set[str] = set()
    while not server.process.has_ended:
        try:
            take_over()
            problems = set(connected_services().problems)
        except CampaignError as error:
            problems = {str(error)}
        except Exception as error:  # noqa: BLE001  the server is busy or ends: the next round shows which
            problems = {f"The forms of services were not taken over ({type(error).__name__}); it is tried again."}
        for sentence in sorted(problems - shown):
            output.say(sentence)
        shown |= problems
        time.sleep(_FORMS_EVERY)
    raise NotPossible(
        f"The Prefect server ended by itself: {server.process.last_line()} More is in {server.process.log}."
    )


@contextmanager
def _only_once(settings: Settings) -> Iterator[None]:
    from filelock import FileLock, Timeout

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
    """Turns the first signal to end into a KeyboardInterrupt, and ignores later ones while processes are ended."""

    def end(_number: int, _frame: FrameType | None) -> NoReturn:
        for one in _ENDINGS:
            signal.signal(one, signal.SIG_IGN)
        raise KeyboardInterrupt

    # A process started with nohup must survive the end of the terminal.
    handled = [one for one in _ENDINGS if one is not signal.SIGHUP or signal.getsignal(one) is not signal.SIG_IGN]
    before = {number: signal.signal(number, end) for number in handled}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def step(title: str) -> Iterator[None]:
    """Shows that a step is running, and how long it took."""
    begin = time.monotonic()
    with output.working(f"{title}…"):
        yield
    output.say(f"{title}: done ({time.monotonic() - begin:.1f} s)")


def web(
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Port of the pages.", show_default="CAMPAIGN_WEB_PORT, or 4280"),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 for all of this machine.")] = "127.0.0.1",
) -> None:
    """Serve the public pages and the reports, until Ctrl-C: sign-in of contacts, short links, previews.

    The public reaches them at CAMPAIGN_PUBLIC_URL, through a proxy of yours that adds HTTPS.
    """
    from campaign.db import engine as schema
    from campaign.users.email import send_emails
    from campaign.web.app import make_site, web_server
    from deployments.address import Address
    from deployments.processes import adopt, make_home
    from deployments.server import is_free, server_of, server_password, used_by_prefect

    settings = load_settings()
    make_home(settings)
    port = port or settings.web_port
    if not is_free(port):
        raise WrongUsage(f"Port {port} cannot be used; stop what uses it, or name another one with --port.")
    schema.make_ready()
    # Log lines of the pages belong to no run: they go into the log of this process.
    os.environ.setdefault("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore")
    address = server_of(settings)
    adopt(settings)
    if address is None:
        # The pages work without a server, but start no workflow; this is where `campaign up` will start one.
        output.say("No Prefect server runs: profiles that people share are recovered once `campaign up` does.")
        address = Address(f"http://127.0.0.1:{settings.server_port}/api", server_password(settings))

    def announce(agreement: "Agreement") -> None:
        from tasks.contact_acquisition import announce_agreement

        announce_agreement(agreement)

    def send(announced: Sequence["Announcement"]) -> None:
        from tasks.continuation import send_events

        send_events(announced)

    schema.listen(send)
    schema.listen(send_emails)
    public_url = settings.public_url
    with used_by_prefect(address):
        from deployments.runs import PrefectRuns

        server = web_server(make_site(announce, PrefectRuns()), host, port)
        output.say(
            f"The pages are at http://{host}:{port}" + (f", for the public at {public_url}" if public_url else "")
        )
        server.run()


def password() -> None:
    """Show the password that the UI of this home's Prefect server asks for."""
    from deployments.processes import make_home
    from deployments.server import server_password

    settings = load_settings()
    make_home(settings)
    print(server_password(settings))  # noqa: T201


def simulator(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine; 0 takes a free one.")] = 8085,
) -> None:
    """Serve a simulated X on this machine. It is empty at first and ends with Ctrl-C; see docs/simulator.md."""
    from campaign.simulator.server import serve

    try:
        serve(port=port)
    except OSError as error:
        raise WrongUsage(f"{error.strerror} Choose another --port.") from None


@contextmanager
def server_in_use() -> Iterator[bool]:
    """Uses the Prefect server of PREFECT_API_URL, of this home or of Prefect's profile; yields whether there is one.

    Prefect is imported only where there is one.
    """
    from deployments.processes import adopt, make_home
    from deployments.server import checked_server, drain_prefect, used_by_prefect

    settings = load_settings()
    address = checked_server(settings)
    if address is None:
        yield False
        return
    make_home(settings)
    # Commands report by themselves; Prefect's log lines stay in the UI.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    adopt(settings)
    with used_by_prefect(address):
        try:
            yield True
        finally:
            drain_prefect()


def prepare_prefect() -> Settings:
    """Makes the home, and puts Prefect's settings into this process before Prefect is imported."""
    from deployments.processes import adopt, make_home

    settings = load_settings()
    make_home(settings)
    adopt(settings)
    return settings


@contextmanager
def server_needed() -> Iterator[Settings]:
    """Uses the Prefect server as `server_in_use` does; raises NotPossible when there is none."""
    from deployments.server import needed_server

    with server_in_use() as has_server:
        if not has_server:
            needed_server(load_settings())
        yield load_settings()


def run_flow(flow: Callable[..., Any], *args: Any, no_wait: bool = False, **parameters: Any) -> Any:
    """Runs a flow in this process and returns its last state."""
    from prefect import tags
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    from tasks.continuation import NO_WAIT

    # A run without a deployment needs no heartbeat, and to wait for the last one takes up to a second.
    without_heartbeat = temporary_settings(updates={PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None})
    with without_heartbeat, tags(*[NO_WAIT] if no_wait else []):
        return flow(*args, return_state=True, **parameters)


if TYPE_CHECKING:
    from deployments.deploying import Deployed


def deploy_command(
    pool: Annotated[
        str | None, typer.Option(help="Work pool of any type for the runs.", show_default="as it is, at first campaign")
    ] = None,
    image: Annotated[str, typer.Option(help="Image of the runs, for a pool whose type takes one.")] = "",
    env: Annotated[
        list[str], typer.Option(metavar="NAME=VALUE", help="Environment variable of the runs; may be repeated.")
    ] = [],  # noqa: B006  Typer never changes it
    as_json: AsJson = False,
) -> None:
    """Register the workflows, or their new versions. New ones are stopped, known ones keep their state.

    They go to the server that PREFECT_API_URL names, to that of this home while it runs, or to that of the profile of
    Prefect.
    """
    with server_needed() as settings:
        from deployments.deploying import deploy_and_begin, deployed_workflows, job_variables_of

        variables = job_variables_of(image, env)
        with output.working("Deploying the workflows…"):
            deploy_and_begin(settings, pool, variables)
            workflows = deployed_workflows()
    _show_workflows(workflows, as_json=as_json)


def list_workflows(as_json: AsJson = False) -> None:
    """List the workflows: whether their schedules are enabled, and their next runs."""
    with server_needed():
        from deployments.deploying import deployed_workflows

        _show_workflows(deployed_workflows(), as_json=as_json)


WorkflowName = Annotated[str, typer.Argument(metavar="WORKFLOW", help="Its name, such as account-sync.")]


def start_workflow(name: WorkflowName) -> None:
    """Start the schedule of a workflow."""
    _switch(name, enabled=True)


def stop_workflow(name: WorkflowName) -> None:
    """Stop the schedule of a workflow; its runs by hand still work."""
    _switch(name, enabled=False)


def _switch(name: str, *, enabled: bool) -> None:
    with server_needed():
        from deployments.runs import PrefectRuns

        PrefectRuns().switch(name.partition("/")[0], enabled=enabled)
    action = "enabled" if enabled else "stopped"
    make_ready()
    with transaction() as session:
        users.record_audit(session, output.actor(), f"workflow {name}", action, pendulum.now("UTC"))
    output.say(f"The schedule of {name} is {action}.")


def _show_workflows(workflows: "Sequence[Deployed]", *, as_json: bool) -> None:
    if as_json:
        output.print_json(
            [
                {
                    "workflow": workflow.name,
                    "state": "enabled" if workflow.is_enabled else "stopped",
                    "next_run": workflow.next_run.isoformat() if workflow.next_run else None,
                }
                for workflow in workflows
            ]
        )
        return
    for workflow in workflows:
        state = f"stopped; start its schedule with: campaign workflow start {workflow.name}"
        if workflow.is_enabled and workflow.next_run is None:
            state = "enabled; its next run is planned within a minute while the server runs"
        elif workflow.is_enabled:
            state = f"enabled; next run {workflow.next_run:%A %Y-%m-%d %H:%M %Z}"
        print(f"{workflow.name}: {state}")  # noqa: T201


def notify(
    block: Annotated[str, typer.Argument(help="Type and name of a block that writes to people: slack-webhook/NAME.")],
) -> None:
    """Notify people when something waits for them, or a spend cap is near; or when a run was refused.

    Creates or updates three automations on the Prefect server in use, which write by this block.
    """
    with server_needed():
        from deployments.deploying import notify_by

        for name in notify_by(block):
            output.say(f"{name}: written to {block}.")


def move() -> None:
    """Move the workflows to the Prefect server that PREFECT_API_URL names, from that of `campaign up`.

    Schedules arrive as people set them, scheduled runs at their times; here they stop. Services, deliveries and all
    else are in the database, which both use. Run it while `campaign up` runs, and end that afterwards.
    """
    settings = prepare_prefect()
    from deployments.deploying import move

    with output.working("Moving the workflows…"):
        moved = move(settings)
    output.say(f"The workflows are at {moved.api_url}. Enabled: {', '.join(moved.enabled) or 'none'}.")
    output.say(f"Runs scheduled there: {', '.join(moved.runs) or 'none'}.")
    for name in moved.unanswered:
        output.say(f"{name} waited for a yes or a no: answer with `campaign delivery confirm` or `reject`.")
    output.say("End `campaign up`, then start `campaign worker` and `campaign web` with the same settings.")


def worker(
    pool: Annotated[str, typer.Option(help="Work pool whose runs it starts.")] = "campaign",
    name: Annotated[str, typer.Option(help="Name of the worker in the UI.", show_default="a random one")] = "",
    limit: Annotated[int, typer.Option(min=0, help="Most runs at a time; 0 for any number.")] = 0,
    with_healthcheck: Annotated[
        bool, typer.Option("--with-healthcheck", help="Answer health checks at port 8080.")
    ] = False,
) -> None:
    """Run a worker, which starts the runs of workflows, until Ctrl-C. Any number of them share the work of a pool.

    It uses the server that PREFECT_API_URL names, that of this home while it runs, or that of the profile of Prefect.
    """
    settings = prepare_prefect()
    from deployments.worker import become_worker

    options = [*(["--name", name] if name else []), *(["--limit", str(limit)] if limit else [])]
    become_worker(settings, pool, [*options, *(["--with-healthcheck"] if with_healthcheck else [])])
