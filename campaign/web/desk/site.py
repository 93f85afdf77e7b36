"""All pages of the desk."""

from starlette.routing import Route

from campaign.web.desk import (
    access,
    accounts,
    broadcast,
    calendar,
    compose,
    consents,
    deliveries,
    delivery,
    library,
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
        *compose.routes(),
        *broadcast.routes(),
        *library.routes(),
        *delivery.routes(),
        *consents.routes(),
        *calendar.routes(),
        # After the others, whose addresses it would match.
        *people.routes(),
    ]
