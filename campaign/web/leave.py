"""The pages on which people withdraw their agreement: by a signed link, or by signing in with X."""

import pendulum
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from campaign.broadcasts import waves
from campaign.consent import store as consent
from campaign.db.engine import read_session, transaction
from campaign.db.vault import signed
from campaign.errors import CampaignError
from campaign.services import store as services
from campaign.web import sign_in
from campaign.web.pages import form_token, not_found, page, read_form, text_page, visit_of, with_form
from campaign.web.sign_in import LEAVE, Remembered, SignedIn, find_service, x_origins
from models import Service

#: Proves that a person wants no more messages.
_PROOF = "the page /leave"


def routes() -> list[Route]:
    """Returns the routes of the pages."""
    return [
        Route("/leave", ask, methods=["GET"]),
        Route("/leave", leave, methods=["POST"]),
        Route("/leave/{service}", ask_to_sign_in, methods=["GET"]),
        Route("/leave/{service}", begin, methods=["POST"]),
    ]


def ask(request: Request) -> Response:
    """Asks the owner of a personal link to confirm; lets all others choose a service."""
    link = request.query_params.get("p", "")
    if not link:
        return page("leave_choose.html.jinja", services=sign_in.open_services())
    found = _read_link(link)
    return _form(request, found[0], link) if found else _broken_link()


async def leave(request: Request) -> Response:
    """Withdraws the agreement of the owner of a personal link."""
    form = await read_form(request)
    return sign_in.not_our_form() if form is None else await run_in_threadpool(_leave_by_link, str(form.get("p", "")))


def _leave_by_link(link: str) -> Response:
    found = _read_link(link)
    return _withdraw(*found) if found else _broken_link()


def ask_to_sign_in(request: Request) -> Response:
    """Asks a person without a link to sign in."""
    service = find_service(request.path_params["service"])
    return _form(request, service) if service else not_found()


async def begin(request: Request) -> Response:
    """Sends that person to X."""
    return await sign_in.call_x(_begin, request, await read_form(request))


def _begin(request: Request, form: FormData | None) -> Response:
    service = find_service(request.path_params["service"])
    if service is None:
        return not_found()
    if form is None:
        return sign_in.not_our_form()
    try:
        return sign_in.begin(request, service, LEAVE, {}, by_message(service))
    except CampaignError as error:
        return sign_in.failed(error, by_message(service))


def by_message(service: Service) -> str:
    """Returns the sentence about the other way to withdraw."""
    return f"You can also write STOP to @{service.x_username or service.internal_name} in a direct message on X."


def finish(remembered: Remembered, signed_in: SignedIn) -> Response:
    """Withdraws the agreement of the person who signed in."""
    response = _withdraw(remembered.service, signed_in.person.external_id, signed_in.person.username)
    signed_in.revoke()
    return response


def _read_link(link: str) -> tuple[Service, str] | None:
    """Reads the service and the X user id of a personal link; also of a service that was removed meanwhile."""
    found = signed("leave", link)
    if not (isinstance(found, list) and len(found) == 2):  # noqa: PLR2004  a service and a person
        return None
    with read_session() as session:
        return services.get(session, found[0]), str(found[1])


def _withdraw(service: Service, external_id: str, username: str | None = None) -> Response:
    with transaction(durable=True) as session:
        now = pendulum.now("UTC")
        waves.lock_under_way(session, service.id)
        consent.withdraw(session, service.id, external_id, now)
        visitor_id = consent.visitor_of(session, external_id, service.visitor_folder, now)
        if visitor_id is not None:
            consent.opt_out(session, service.id, visitor_id, _PROOF, now)
        consent.suppress_profiles(session, {external_id: username}, service.visitor_folder, now)
    return text_page(
        "It is done",
        f"{service.label} has deleted your profile and saves only the number of your X account, to remember that you"
        " opted out.",
        "You get no more direct messages from it either.",
        "You can also see what is connected to your account on X: Settings, Security, Apps and sessions.",
    )


def _broken_link() -> Response:
    return text_page(
        "This link is not complete",
        "Copy it again, to its very end. You can also go to /leave and sign in with X.",
        status=400,
    )


def _form(request: Request, service: Service, link: str = "") -> Response:
    visit = visit_of(request)
    response = page("leave.html.jinja", posts_to=x_origins(), service=service, token=form_token(visit), link=link)
    return with_form(response, visit)
