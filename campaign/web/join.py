"""The pages on which people agree to share their profile, and the thanks afterwards."""

import logging
from typing import Any

import pendulum
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from campaign.consent import agreements
from campaign.consent.agreements import invitation_of
from campaign.contacts.joining import Asked, asked_by
from campaign.db.engine import transaction
from campaign.db.signing import sign
from campaign.errors import CampaignError, NotPossible
from campaign.settings import load_settings
from campaign.statistics.clicks import LONGEST_READ, agent_of
from campaign.web import sign_in
from campaign.web.pages import page
from campaign.web.security import form_token, keep, kept, read_form, visit_of, with_form
from campaign.web.sign_in import JOIN, Directory, Outside, Remembered, SignedIn, SignIns, what_is_missing, x_origins
from campaign.x.types import Person
from models import NO_INVITATION, Agreement, Service

_COOKIE, _SECONDS = "thanks", 3600


def thank(service: Service, person: Person) -> Response:
    """Send somebody who agreed to the page, which only this browser shows, and for an hour."""
    response = _to_thanks(service)
    keep(response, _COOKIE, [service.id, person.external_id, person.username, person.full_name], _SECONDS)
    return response


def _to_thanks(service: Service) -> Response:
    return RedirectResponse(f"/join/{service.internal_name}/thanks", 303)


class Thanks:
    """The pages of all services."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def routes(self) -> list[Route]:
        """Where the pages are."""
        return [Route("/join/{service}/thanks", self.show, methods=["GET"])]

    async def show(self, request: Request) -> Response:
        """Say thanks to whoever just shared a profile, and how to take it back."""
        service = await run_in_threadpool(self._directory.find, request.path_params["service"])
        if service is None:
            return sign_in.unknown_service()
        thanked = kept(request, _COOKIE, _SECONDS)
        if thanked is None or thanked[0] != service.id:
            return sign_in.sign_in_over()
        service_id, external_id, username, full_name = thanked
        leave = f"/leave?p={sign('leave', [service_id, external_id])}"
        return page("join_thanks.html.jinja", service=service, username=username, full_name=full_name, leave=leave)

    def again(self, request: Request) -> Response | None:
        """Where somebody belongs who comes back from X a second time; None when there was no first time."""
        thanked = kept(request, _COOKIE, _SECONDS)
        if thanked is None:
            return None
        service = next((each for each in self._directory.open_ones() if each.id == thanked[0]), None)
        return _to_thanks(service) if service else None


_log = logging.getLogger(__name__)
_TICK = "Tick the first box if you want to share your profile; without it nothing happens."


class Joining:
    """The pages of all services."""

    def __init__(self, outside: Outside, directory: Directory, sign_ins: SignIns) -> None:
        self._outside = outside
        self._directory = directory
        self._sign_ins = sign_ins

    def routes(self) -> list[Route]:
        """Where the pages are."""
        return [
            Route("/join/{service}", self.ask, methods=["GET"]),
            Route("/join/{service}", self.begin, methods=["POST"]),
        ]

    async def ask(self, request: Request) -> Response:
        """Say who asks for what, and why."""
        service = await self._open(request)
        if isinstance(service, Response):
            return service
        invitation = request.query_params.get("i", "")
        response = _form(request, service, invitation)
        if request.method == "GET" and (named := invitation_of(invitation)):
            # Afterwards: while the database is busy, nobody waits for the page.
            said = request.headers.get("user-agent", "")
            response.background = BackgroundTask(_note_opening, *named, said)
        return response

    async def begin(self, request: Request) -> Response:
        """Send whoever ticked the box to X."""
        form = await read_form(request)
        service = await self._open(request)
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
            return await self._sign_ins.in_turn(self._sign_ins.begin, service, JOIN, more)
        except CampaignError as error:
            return sign_in.failed(error)

    async def _open(self, request: Request) -> Service | Response:
        """The service of a page, or the page that says why there is none."""
        service = await run_in_threadpool(self._directory.find, request.path_params["service"])
        if service is None:
            return sign_in.unknown_service()
        missing = what_is_missing(service)
        return sign_in.closed(service, missing) if missing else service

    def finish(self, remembered: Remembered, signed_in: SignedIn) -> Response:
        """Keep the agreement of whoever came back from X, with the token; raises CampaignError when either fails."""
        asked = _asked(remembered.service)
        if asked.version != remembered.more["version"]:
            signed_in.revoke()
            return sign_in.reread()
        agreement, is_new = _keep(remembered, signed_in, asked)
        try:
            self._outside.hand_over(agreement, signed_in.grant)
        except CampaignError:
            if is_new:
                _forget(agreement)
            raise
        return thank(remembered.service, signed_in.person)


def _asked(service: Service) -> Asked:
    settings = load_settings()
    return asked_by(service, settings.terms_url, settings.privacy_url)


def _form(request: Request, service: Service, invitation: str, problem: str = "") -> Response:
    visit = visit_of(request)
    facts: dict[str, Any] = {
        "service": service,
        "asked": _asked(service),
        "token": form_token(visit),
        "invitation": invitation if invitation_of(invitation) else "",
        "problem": problem,
    }
    response = page("join.html.jinja", 422 if problem else 200, posts_to=x_origins(), **facts)
    return with_form(response, visit)


def _note_opening(delivery_id: int, visitor_id: int, said: str) -> None:
    """Note it unless a robot looks, such as X's own, which draws a preview of the link."""
    if agent_of(said[:LONGEST_READ]).is_robot:
        return
    try:
        with transaction() as session:
            agreements.note_opening(session, delivery_id, visitor_id, pendulum.now("UTC"))
    except NotPossible as error:
        _log.warning("The opening of an invitation is not counted: %s", error)


def _keep(remembered: Remembered, signed_in: SignedIn, asked: Asked) -> tuple[Agreement, bool]:
    with transaction(durable=True) as session:
        return agreements.keep(
            session,
            agreements.Yes(
                service_id=remembered.service.id,
                external_id=signed_in.person.external_id,
                delivery_id=remembered.more["delivery_id"],
                text=asked.text,
                text_version=asked.version,
                scopes=signed_in.grant.scopes,
                may_link=remembered.more["may_link"],
                at=pendulum.now("UTC"),
            ),
        )


def _forget(agreement: Agreement) -> None:
    with transaction() as session:
        agreements.forget(session, agreement.id)
