"""All pages of the desk."""

from starlette.routing import Route

from campaign.web.desk import (
    access,
    accounts,
    broadcast,
    calendar,
    consents,
    delivery,
    drafts,
    overview,
    people,
    sign_in,
    users,
)


def routes() -> list[Route]:
    """Returns the routes of the desk, which the application of `campaign web` serves under /desk."""
    return [
        *access.routes(),
        *sign_in.routes(),
        *users.routes(),
        *overview.routes(),
        *accounts.routes(),
        *drafts.routes(),
        *broadcast.routes(),
        *delivery.routes(),
        *consents.routes(),
        *calendar.routes(),
        # After the others, whose addresses it would match.
        *people.routes(),
    ]
