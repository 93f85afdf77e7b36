"""Pages for what cannot be answered; each says what to do."""

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from campaign.web.pages import told


def trouble(status: int, told_with: str) -> Response:
    """The page for a request that did not even reach its area."""
    match status:
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return told("That was too much", "This form takes no more than a few words.", status=status, headers=_CLOSE)
        case HTTPStatus.TOO_MANY_REQUESTS:
            return told(
                "One moment, please",
                f"There were very many requests from your network. Try again in {told_with} seconds.",
                status=status,
                headers={"Retry-After": told_with},
            )
    return told(
        "Something went wrong",
        "It is our fault, and nothing of yours was kept. Try again in a minute.",
        f"If it happens again, write to us and quote the number {told_with}.",
        status=status,
    )


#: The rest of the body is not waited for.
_CLOSE = {"Connection": "close"}


async def on_refusal(_request: Request, error: Exception) -> Response:
    """The page for an address that is none, or not for what was asked."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    if status == HTTPStatus.NOT_FOUND:
        return told("There is no such page", "Look at the address again: perhaps its end is missing.", status=status)
    return told(
        "That is not possible",
        "This page cannot be used like that. Go back to where you came from.",
        status=status,
        headers=headers,
    )
