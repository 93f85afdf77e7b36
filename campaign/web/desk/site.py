"""All pages of the desk."""

from starlette.routing import Route

from campaign.web.desk import (
    access,
    accounts,
    broadcast,
    calendar,
    consents,
    deliveries,
    delivery,
    drafts,
    people,
    reports,
    sign_in,
    today,
    users,
)


def routes() -> list[Route]:
    """Returns the routes of the desk, which the application of `campaign web` serves under /desk."""
    return [
        *access.routes(),
        *sign_in.routes(),
        *today.routes(),
        *users.routes(),
        *reports.routes(),
        *accounts.routes(),
        *deliveries.routes(),
        *drafts.routes(),
        *broadcast.routes(),
        *delivery.routes(),
        *consents.routes(),
        *calendar.routes(),
        # After the others, whose addresses it would match.
        *people.routes(),
    ]
