"""Finding the Prefect server that runs, and whether it can be worked with."""

import os
from base64 import b64encode
from importlib.metadata import version

import httpx

from campaign.errors import WrongUsage
from campaign.settings import Settings

_ANSWER_SECONDS = 5


def server_of(settings: Settings) -> str | None:
    """The API address that PREFECT_API_URL names, or that of this home's server while it runs."""
    if given := os.environ.get("PREFECT_API_URL"):
        return given.rstrip("/")
    try:
        api_url, owner = (settings.home / "server.url").read_text().split()
        os.kill(int(owner), 0)
    except (OSError, ValueError):  # there is none, or it was left behind: another home's server may be there now
        return None
    return api_url if is_healthy(api_url) else None


def check_version(api_url: str) -> None:
    """Make sure that the server answers and is of the version that is installed here; raises WrongUsage."""
    ours = version("prefect")
    auth = os.environ.get("PREFECT_API_AUTH_STRING", "")
    headers = {"Authorization": f"Basic {b64encode(auth.encode()).decode()}"} if auth else {}
    try:
        answer = httpx.get(f"{api_url}/admin/version", headers=headers, timeout=_ANSWER_SECONDS)
        theirs = answer.raise_for_status().json()
    except httpx.HTTPStatusError as error:
        raise WrongUsage(_refusal(api_url, error.response.status_code)) from None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        raise WrongUsage(
            f"No Prefect server answers at {api_url}; start it, or correct or unset PREFECT_API_URL."
        ) from None
    if theirs != ours:
        raise WrongUsage(
            f"The Prefect server at {api_url} has version {theirs} and this installation {ours};"
            " install the same version on both sides."
        )


def _refusal(api_url: str, status: int) -> str:
    if status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        return (
            f"The Prefect server at {api_url} wants to know who asks; set PREFECT_API_AUTH_STRING to its user:password."
        )
    return f"What answers at {api_url} is no Prefect server (status {status}); correct or unset PREFECT_API_URL."


def is_healthy(api_url: str) -> bool:
    """Whether a Prefect server answers there."""
    try:
        return httpx.get(f"{api_url}/health", timeout=_ANSWER_SECONDS).is_success
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
