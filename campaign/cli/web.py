"""`campaign web`: the pages for the public, and the reports."""

import os
from typing import Annotated

import typer

from campaign.cli import output
from campaign.errors import WrongUsage
from campaign.settings import Settings, load_settings

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
    from campaign.store import schema
    from deployments.environment import adopt
    from deployments.existing import server_of
    from deployments.server import is_free, used_by_prefect

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
    """Where the server of `campaign up` will be: links and reports work without it, signing in begins with it."""
    output.say("No Prefect server runs: nobody can share a profile before `campaign up` does.")
    return f"http://127.0.0.1:{settings.server_port}/api"


def _serve(host: str, port: int, public_url: str) -> None:
    import uvicorn

    from campaign.cli.web_parts import make_whole_app

    output.say(f"The pages are at http://{host}:{port}" + (f", for the world at {public_url}" if public_url else ""))
    # No access log: addresses of pages hold what only their owner should see.
    uvicorn.run(
        make_whole_app(),
        host=host,
        port=port,
        access_log=False,
        log_level="warning",
        server_header=False,
        limit_concurrency=_AT_ONCE,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_END_SECONDS,
    )
