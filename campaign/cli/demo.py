"""`campaign demo`: the whole mission on a simulated X, by the commands that a person would type."""

import os
import re
import shlex
import signal
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from campaign.cli import output
from campaign.cli.server import ending_in_order, first_link, start_everything, step
from campaign.errors import NotPossible, WrongUsage
from campaign.settings import Settings, load_settings

BRAND, PROOF, FOLLOWERS = "acme", "acme_proof", 12_000
_KEYS = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
#: X allows so many messages in a window, which the simulated X makes this short.
_MESSAGES, _WINDOW_SECONDS = 15, 5
#: A busy machine needs a while to start the pages.
_PAGES_SECONDS = 60
_BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


class SimulatedX:
    """The control of the simulator at an address; see docs/simulator.md for the calls."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/control"

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Sends an order; raises NotPossible where the simulator does not answer as it should."""
        import requests

        try:
            answer = requests.request(method, f"{self._url}/{path}", json=body, timeout=30)
            answer.raise_for_status()
        except requests.RequestException as error:
            raise NotPossible(f"The simulator does not answer as it should ({type(error).__name__}).") from None
        return dict(answer.json())

    def connect(self, handle: str, label: str, *options: str, **account: Any) -> None:
        """Opens an account on the simulator and connects it as a service, with the keys in the environment."""
        keys = self.call("POST", "accounts", {"username": handle, "name": label} | account)
        os.environ |= {f"CAMPAIGN_{name.upper()}": keys[name] for name in (*_KEYS, "client_id", "client_secret")}
        run("service", "create", handle, "--label", label, "--owned", *options)


def run(*arguments: str) -> None:
    """Shows a command and runs it in this process."""
    from campaign.cli.main import app

    output.say(f"\n$ campaign {shlex.join(arguments)}")
    app(list(arguments), standalone_mode=False)


def _create(*options: str) -> str:
    """Creates a delivery; returns its name."""
    from sqlmodel import col, select

    from campaign.db.engine import read_session
    from models import Delivery

    run("delivery", "create", *options)
    with read_session() as session:
        return session.exec(select(Delivery.name).order_by(col(Delivery.id).desc())).first() or ""


def demo(
    leave: Annotated[bool, typer.Option("--exit", help="End after the story instead of keeping the UI up.")] = False,
    by_step: Annotated[bool, typer.Option("--step", help="Wait for Enter before each chapter.")] = False,
) -> None:
    """Show the whole story on a simulated X: followers, a post, a broadcast, a person who joins, clicks, the report.

    Everything lives in a temporary home, unless CAMPAIGN_HOME names an empty one. Ctrl-C ends everything.
    """
    if leave and by_step:
        raise WrongUsage("--exit and --step exclude each other; leave one out.")

    def chapter(title: str) -> None:
        if by_step:
            typer.prompt(f"\nNext: {title}. Press Enter", default="", show_default=False, err=True)
        output.say(f"\n== {title}")

    with ending_in_order(), ExitStack() as stack:
        try:
            _tell_story(stack, chapter, stay=not leave)
        except (KeyboardInterrupt, typer.Abort):  # the second at the end of the input of --step
            output.say("Stopped; every process of the demo has ended.")


def _tell_story(stack: ExitStack, chapter: Callable[[str], None], *, stay: bool) -> None:
    from deployments.processes import adopt

    began = time.monotonic()
    x = _enter_simulated_world(stack)
    settings = load_settings()
    adopt(settings)

    def connect_and_read() -> None:
        chapter("A brand and its private test account are connected, and every follower is read")
        asks = ["--join-purpose", "To greet you by your name.", "--message-policy", "all_followers", "--synchronize"]
        callbacks = [f"{settings.public_url}/join/callback"]
        x.connect(BRAND, "Acme (simulated)", *asks, followers=FOLLOWERS, callbacks=callbacks)
        x.connect(PROOF, "Acme's test account", "--proof", protected=True)
        run("sync", BRAND)
        run("visitors", "--limit", "5")
        output.say(f"The first followers were on the screen after {time.monotonic() - began:.0f} s.\n")

    # The server needs longer to start than this chapter, which needs none.
    server = start_everything(settings, _free_port_near(settings.server_port), stack, meanwhile=connect_and_read)
    chapter("A post with a picture: analysed, proved, confirmed, published")
    post = _publish(settings)
    chapter("A direct message to some followers; one of them writes STOP before it is their turn")
    broadcast = _broadcast(x)
    chapter("A follower agrees to share a profile, and people click on the links")
    _wait_for_pages(settings)
    _join(settings.public_url, x)
    _click(settings.public_url, x)
    chapter("The report")
    post_id = x.call("GET", f"accounts/{BRAND}/posts")["posts"][0]["id"]
    x.call("PUT", f"posts/{post_id}/counts", {"likes": 42, "reposts": 7, "replies": 3, "impressions": 2_600})
    _run_flow("engagement_statistics")
    run("report", "delivery", post)
    run("report", "delivery", broadcast)
    chapter("The desk: a person with a link that works once, and a post that waits for approval there")
    text, file = "The last days of our summer collection.", str(load_settings().home / "summer.png")
    content = ["--service", BRAND, "--text", text, "--media", file, "--alt", "A sun over the sea"]
    run("delivery", "analyse", _create("--kind", "post", "--label", "Last days", *content, "--proof", PROOF))
    run("user", "add", "ann", "--full-name", "Ann Smith", "--role", "operator")
    link = first_link()
    output.say(f"\nThe story took {time.monotonic() - began:.0f} s.")
    if stay:
        output.say(f"The desk opens with this link, which works once: {settings.public_url}{link}")
        output.say(f"The UI is at {server.url}; it asks once for this password: {server.password}")
        output.say(f"The pages begin at {settings.public_url}; people share their profile at /join/{BRAND} there.")
        output.say(f"The reports are at {settings.public_url}/reports; their key: {os.environ['CAMPAIGN_REPORTS_KEY']}")
        output.say(f"The simulated X is at {settings.x_api_url}. Ctrl-C ends everything.")
        signal.pause()


def _publish(settings: Settings) -> str:
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (1200, 675), "#8ecae6")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((480, 120, 720, 360), fill="#ffb703")
    draw.rectangle((0, 450, 1200, 675), fill="#219ebc")
    file = settings.home / "summer.png"
    picture.save(file)

    text = "Our summer collection is here: https://example.com/summer"
    content = ["--service", BRAND, "--text", text, "--media", str(file), "--alt", "A sun over the sea"]
    name = _create("--kind", "post", "--label", "Summer", *content, "--proof", PROOF)
    run("delivery", "analyse", name)
    run("delivery", "proof", name)
    run("delivery", "confirm", name, "--comment", "Looks right")
    run("delivery", "send", name)
    return name


def _broadcast(x: SimulatedX) -> str:
    text = "Hi {{ visitor.full_name | default('there') }}, our sale begins: https://example.com/sale"
    people = ["--where", "followers_count > 1000", "--limit-to", str(_MESSAGES + 3)]
    name = _create("--kind", "dm", "--label", "Sale", "--service", BRAND, "--text", text, *people)
    run("delivery", "analyse", name)
    run("delivery", "confirm", name, "--accept-unconsented")
    x.call("PUT", "limits", {"window_seconds": _WINDOW_SECONDS, "limits": {"messages": _MESSAGES}})
    stopping = threading.Thread(target=_write_stop, args=(x, name), daemon=True)
    stopping.start()
    run("delivery", "send", name)
    stopping.join(10)
    return name


def _free_port_near(port: int) -> int:
    """Returns the usual port, or any free one where the usual port is in use."""
    from deployments.server import free_port, is_free

    return port if is_free(port) else free_port()


def _enter_simulated_world(stack: ExitStack) -> SimulatedX:
    """Points the settings of this process at a home of its own and at a simulator, and starts the simulator."""
    import secrets
    from tempfile import TemporaryDirectory

    from deployments.processes import child_environment, make_home, running
    from deployments.server import free_port

    home = os.environ.get("CAMPAIGN_HOME") or stack.enter_context(
        TemporaryDirectory(prefix="campaign-demo-", ignore_cleanup_errors=True)
    )
    for name in ("CAMPAIGN_DATABASE_URL", "PREFECT_API_URL", "PREFECT_HOME"):
        os.environ.pop(name, None)
    if Path(home, "campaign.db").exists():
        raise WrongUsage(f"{home} is in use already; set CAMPAIGN_HOME to an empty folder, or leave it out.")
    web_port = _free_port_near(Settings().web_port)
    os.environ |= {
        "CAMPAIGN_HOME": home,
        "CAMPAIGN_WEB_PORT": str(web_port),
        "CAMPAIGN_PUBLIC_URL": f"http://127.0.0.1:{web_port}",
        "CAMPAIGN_REPORTS_KEY": secrets.token_urlsafe(18),
        "CAMPAIGN_INBOX_SECONDS": "0",
        "CAMPAIGN_SETTLE_SECONDS": "1",
        # Commands report by themselves; Prefect's log lines stay in the UI.
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    }
    with step("Starting a simulated X"):
        settings = Settings(home=Path(home))
        make_home(settings)
        port = free_port()
        command = ["campaign.simulator", "--port", str(port)]
        process = stack.enter_context(running(settings, "simulator", command, child_environment(settings)))
        while "http" not in process.last_line():
            if process.has_ended:
                raise NotPossible(f"The simulator did not start: {process.last_line()}")
            time.sleep(0.05)
        os.environ["CAMPAIGN_X_API_URL"] = x_url = f"http://127.0.0.1:{port}"
    load_settings.cache_clear()
    return SimulatedX(x_url)


def _write_stop(x: SimulatedX, delivery: str) -> None:
    """Lets a person whose message waits for the next window of X write STOP."""
    from campaign.broadcasts.log import lines
    from campaign.db.engine import read_session
    from campaign.deliveries.store import named
    from models import MessageState

    while len(x.call("GET", f"accounts/{BRAND}/messages/counts")["sent"]) < _MESSAGES:
        time.sleep(0.2)
    with read_session() as session:
        log = lines(session, named(session, delivery))
        waiting = [line.username for line in log if line.state == MessageState.PENDING]
    if waiting:
        x.call("POST", f"accounts/{BRAND}/messages", {"from": waiting[-1], "text": "STOP"})
        output.say(f"@{waiting[-1]}, whose message is not out yet, writes STOP.")


def _wait_for_pages(settings: Settings) -> None:
    """Waits until the pages answer, which started beside the chapters before; raises NotPossible after a minute."""
    import httpx

    deadline = time.monotonic() + _PAGES_SECONDS
    with httpx.Client(base_url=settings.public_url) as client:
        while True:
            try:
                client.get("/health").raise_for_status()
            except httpx.HTTPError as error:
                if time.monotonic() > deadline:
                    log = settings.home / "logs" / "web.log"
                    raise NotPossible(f"The pages do not answer ({type(error).__name__}); see {log}.") from None
                time.sleep(0.2)
            else:
                return


def _join(public_url: str, x: SimulatedX) -> None:
    """Does what a person does in a browser: opens the page, agrees, signs in on X, comes back."""
    import httpx

    person = x.call("GET", f"accounts/{BRAND}/followers?limit=1")["users"][0]["username"]
    with httpx.Client(base_url=public_url, headers={"user-agent": _BROWSER}) as browser:
        page = browser.get(f"/join/{BRAND}")
        fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text)) | {"agree": "yes"}
        to_x = browser.post(f"/join/{BRAND}", data=fields, headers={"origin": public_url})
        consent_screen = to_x.headers["location"]
        back = httpx.post(consent_screen, data={"answer": "authorize", "username": person}).headers["location"]
        browser.get(back)
    output.say(f"@{person} agreed on {public_url}/join/{BRAND} and signed in on X.")
    _run_flow("contact_acquisition")
    run("contact", "list")


def _click(public_url: str, x: SimulatedX) -> None:
    """Follows the short links of the post and of the messages, as their readers do."""
    import httpx

    texts = [post["text"] for post in x.call("GET", f"accounts/{BRAND}/posts")["posts"]]
    texts += [message["text"] for message in x.call("GET", f"accounts/{BRAND}/messages")["messages"]]
    links = [link for text in texts for link in re.findall(rf"{re.escape(public_url)}/r/\S+", text)]
    with httpx.Client(headers={"user-agent": _BROWSER}) as browser:
        for link in links[:8]:
            browser.get(link)
    output.say(f"{len(links[:8])} clicks on the links of the post and of the messages.")
    time.sleep(1.5)  # clicks are saved once a second


def _run_flow(name: str) -> None:
    from importlib import import_module

    from campaign.cli.server import run_flow

    with step(f"Running {name.replace('_', '-')}"):
        state = run_flow(getattr(import_module(f"flows.{name}"), name))
    if not state.is_completed():
        raise NotPossible(f"{name} did not complete: {state.message}")
    if state.message:
        output.say(state.message)
