"""The pages on which people take back what they shared: by a signed link, or by signing in with X."""

from typing import Any

import pendulum
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from campaign.broadcasts import waves
from campaign.consent import agreements
from campaign.consent import store as consent
from campaign.db.engine import read_session, transaction
from campaign.db.signing import signed
from campaign.errors import CampaignError
from campaign.services import store as services
from campaign.web import sign_in
from campaign.web.pages import page, text_page
from campaign.web.security import form_token, read_form, visit_of, with_form
from campaign.web.sign_in import LEAVE, Directory, Remembered, SignedIn, SignIns, x_origins
from models import Service

#: What proves that a person does not want to be written to any more.
_PROOF = "the page /leave"


class Leaving:
    """The pages of all services."""

    def __init__(self, directory: Directory, sign_ins: SignIns) -> None:
        self._directory = directory
        self._sign_ins = sign_ins

    def routes(self) -> list[Route]:
        """Where the pages are."""
        return [
            Route("/leave", self.ask, methods=["GET"]),
            Route("/leave", self.leave, methods=["POST"]),
            Route("/leave/{service}", self.ask_who, methods=["GET"]),
            Route("/leave/{service}", self.begin, methods=["POST"]),
        ]

    async def ask(self, request: Request) -> Response:
        """Ask once more whoever has a personal link; all others choose whom to leave."""
        link = request.query_params.get("p", "")
        if not link:
            open_ones = await run_in_threadpool(self._directory.open_ones)
            return page("leave_choose.html.jinja", services=open_ones)
        named = await run_in_threadpool(_named, link)
        return _form(request, named[0], link=link) if named else _no_link()

    async def leave(self, request: Request) -> Response:
        """Take back what the owner of a personal link shared."""
        form = await read_form(request)
        if form is None:
            return sign_in.not_our_form()
        named = await run_in_threadpool(_named, str(form.get("p", "")))
        if named is None:
            return _no_link()
        return await run_in_threadpool(_left, *named)

    async def ask_who(self, request: Request) -> Response:
        """Ask somebody without a link to sign in."""
        service = await run_in_threadpool(self._directory.find, request.path_params["service"])
        return _form(request, service) if service else sign_in.unknown_service()

    async def begin(self, request: Request) -> Response:
        """Send that person to X."""
        form = await read_form(request)
        service = await run_in_threadpool(self._directory.find, request.path_params["service"])
        if service is None:
            return sign_in.unknown_service()
        if form is None:
            return sign_in.not_our_form()
        try:
            return await self._sign_ins.in_turn(self._sign_ins.begin, service, LEAVE, {})
        except CampaignError as error:
            handle = service.x_username or service.internal_name
            return sign_in.failed(error, f"You can also write STOP to @{handle} in a direct message on X.")

    @staticmethod
    def finish(remembered: Remembered, signed_in: SignedIn) -> Response:
        """Take back what whoever signed in shared."""
        response = _left(remembered.service, signed_in.person.external_id)
        signed_in.revoke()
        return response


def _named(link: str) -> tuple[Service, str] | None:
    """Whose link it is, and whom it leaves; also of a service that was removed meanwhile."""
    found = signed("leave", link)
    if not (isinstance(found, list) and len(found) == 2):  # noqa: PLR2004  a service and a person
        return None
    with read_session() as session:
        return services.get(session, found[0]), str(found[1])


def _left(service: Service, external_id: str) -> Response:
    with transaction(durable=True) as session:
        now = pendulum.now("UTC")
        waves.lock_under_way(session, service.id)
        agreements.withdraw(session, service.id, external_id, now)
        visitor_id = consent.visitor_of(session, external_id, service.visitor_folder, now)
        if visitor_id is not None:
            consent.opt_out(session, service.id, visitor_id, _PROOF, now)
    return text_page(
        "It is done",
        f"{service.label} has removed what X told of you, and keeps only the number of your account: to know that you"
        " do not want this.",
        "You get no more direct messages from it either.",
        "You can also look at what is connected to your account on X: Settings, Security, Apps and sessions.",
    )


def _no_link() -> Response:
    return text_page(
        "This link is not complete",
        "Copy it again, to its very end. You can also go to /leave and sign in with X.",
        status=400,
    )


def _form(request: Request, service: Service, link: str = "") -> Response:
    visit = visit_of(request)
    facts: dict[str, Any] = {"service": service, "token": form_token(visit), "link": link}
    return with_form(page("leave.html.jinja", posts_to=x_origins(), **facts), visit)
