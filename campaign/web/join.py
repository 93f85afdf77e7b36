"""The start page, the pages on which people agree to share their profile, and the thanks afterwards."""

import logging
from collections.abc import Callable

import pendulum
from limits import RateLimitItemPerDay
from starlette.background import BackgroundTask
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from campaign.consent import store
from campaign.consent.store import invitation_of
from campaign.contacts.acquisition import keep_grant
from campaign.db.engine import read_session, transaction
from campaign.db.vault import sign
from campaign.errors import CampaignError, NotPossible
from campaign.services import store as services
from campaign.settings import load_settings
from campaign.statistics.clicks import LONGEST_READ, agent_of
from campaign.web import sign_in
from campaign.web.pages import form_token, not_found, page, read_cookie, read_form, save_cookie, visit_of, with_form
from campaign.web.sign_in import JOIN, Asked, Remembered, SignedIn, asked_by, find_service, x_origins
from models import NO_INVITATION, Agreement, Service

#: The page of thanks is for this browser only, and for an hour.
_COOKIE, _SECONDS = "thanks", 3600
#: As long as X allows; browsers drop a cookie of more than 4 kB.
_LONGEST_NAME = 50
#: Each agreement of a person costs a read of the profile.
_OF_A_PERSON = RateLimitItemPerDay(5, namespace="agreements")
_TICK = "Tick the first box if you want to share your profile; without it nothing happens."
_log = logging.getLogger(__name__)


def routes() -> list[Route]:
    """Returns the routes of the pages."""
    return [
        Route("/", start, methods=["GET"]),
        Route("/join/{service}", ask, methods=["GET"]),
        Route("/join/{service}", begin, methods=["POST"]),
        Route("/join/{service}/thanks", thank, methods=["GET"]),
    ]


def start(_request: Request) -> Response:
    """Shows who is here: the services that ask for profiles, and the doors of the team."""
    settings = load_settings()
    return page(
        "start.html.jinja",
        services=sign_in.open_services(),
        terms_url=settings.terms_url,
        privacy_url=settings.privacy_url,
        has_reports=bool(settings.reports_key.get_secret_value()),
    )


def ask(request: Request) -> Response:
    """Shows who asks for what, and why."""
    service = _open_service(request)
    if isinstance(service, Response):
        return service
    invitation = request.query_params.get("i", "")
    response = _form(request, service, invitation)
    if request.method == "GET" and (named := invitation_of(invitation)):
        # Afterwards: a busy database does not delay the page.
        response.background = BackgroundTask(_note_opening, *named, request.headers.get("user-agent", ""))
    return response


async def begin(request: Request) -> Response:
    """Sends a person who ticked the box to X."""
    return await sign_in.call_x(_begin, request, await read_form(request))


def _begin(request: Request, form: FormData | None) -> Response:
    service = _open_service(request)
    if isinstance(service, Response):
        return service
    if form is None:
        return sign_in.not_our_form()
    invitation = str(form.get("invitation", ""))
    if not form.get("agree"):
        return _form(request, service, invitation, problem=_TICK)
    asked = _asked(service)
    more = {
        "version": asked.version,
        "may_link": bool(asked.link_box and form.get("link")),
        "delivery_id": (invitation_of(invitation) or (NO_INVITATION, 0))[0],
    }
    try:
        return sign_in.begin(request, service, JOIN, more)
    except CampaignError as error:
        return sign_in.failed(error)


def finish(
    request: Request, remembered: Remembered, signed_in: SignedIn, announce: Callable[[Agreement], None]
) -> Response:
    """Saves the agreement of a person who signed in, with the token; raises CampaignError when either fails."""
    service, person, asked = remembered.service, signed_in.person, _asked(remembered.service)
    if asked.version != remembered.more["version"]:
        signed_in.revoke()
        return sign_in.text_changed()
    if not request.app.state.limiter.hit(_OF_A_PERSON, str(service.id), person.external_id):
        signed_in.revoke()
        return sign_in.too_many("You shared your profile several times today, and once is enough. Try again tomorrow.")
    now = pendulum.now("UTC")
    with transaction(durable=True) as session:
        agreement = store.save(
            session,
            store.Yes(
                service_id=service.id,
                external_id=person.external_id,
                delivery_id=remembered.more["delivery_id"],
                text=asked.text,
                text_version=asked.version,
                scopes=signed_in.grant.scopes,
                may_link=remembered.more["may_link"],
                at=now,
            ),
        )
        keep_grant(session, agreement, signed_in.grant, now)
    try:
        announce(agreement)
    except Exception as error:  # noqa: BLE001  everything is saved, and the schedule of the workflow reads it as well
        _log.warning("Agreement %d waits for the next schedule (%s).", agreement.id, type(error).__name__)
    response = _to_thanks(service)
    names = [name[:_LONGEST_NAME] for name in (person.username, person.full_name)]
    save_cookie(response, _COOKIE, [service.id, person.external_id, *names], _SECONDS)
    return response


def thank(request: Request) -> Response:
    """Thanks a person who just shared a profile, and shows how to withdraw."""
    service = find_service(request.path_params["service"])
    if service is None:
        return not_found()
    thanked = read_cookie(request, _COOKIE, _SECONDS)
    if thanked is None or thanked[0] != service.id:
        return sign_in.over()
    service_id, external_id, username, full_name = thanked
    leave = f"/leave?p={sign('leave', [service_id, external_id])}"
    return page("join_thanks.html.jinja", service=service, username=username, full_name=full_name, leave=leave)


def thank_again(request: Request) -> Response | None:
    """Returns the way to the thanks for a person who comes back from X a second time; None without a first time."""
    thanked = read_cookie(request, _COOKIE, _SECONDS)
    if thanked is None:
        return None
    with read_session() as session:
        return _to_thanks(services.get(session, thanked[0]))


def _to_thanks(service: Service) -> Response:
    return RedirectResponse(f"/join/{service.internal_name}/thanks", 303)


def _open_service(request: Request) -> Service | Response:
    """Finds the service of a page, or the page that says why it is not shown."""
    service = find_service(request.path_params["service"])
    if service is None:
        return not_found()
    missing = sign_in.missing_setup(service)
    return sign_in.closed(missing) if missing else service


def _asked(service: Service) -> Asked:
    settings = load_settings()
    return asked_by(service, settings.terms_url, settings.privacy_url)


def _form(request: Request, service: Service, invitation: str, problem: str = "") -> Response:
    visit = visit_of(request)
    response = page(
        "join.html.jinja",
        422 if problem else 200,
        posts_to=x_origins(),
        service=service,
        asked=_asked(service),
        token=form_token(visit),
        invitation=invitation if invitation_of(invitation) else "",
        problem=problem,
    )
    return with_form(response, visit)


def _note_opening(delivery_id: int, visitor_id: int, user_agent: str) -> None:
    """Counts the opening unless a robot opened the page, such as X's own, which draws a preview of the link."""
    if agent_of(user_agent[:LONGEST_READ]).is_robot:
        return
    try:
        with transaction() as session:
            store.record_opening(session, delivery_id, visitor_id, pendulum.now("UTC"))
    except NotPossible as error:
        _log.warning("The opening of an invitation is not counted: %s", error)
