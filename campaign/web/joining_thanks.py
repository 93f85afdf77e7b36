"""The page of thanks: whom X recognised, and how to take everything back."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from campaign.domain.profiles import Person
from campaign.store.signatures import sign
from campaign.web import joining_words as words
from campaign.web.joining_outside import Directory
from campaign.web.pages import page
from campaign.web.security_forms import keep, kept
from models import Service

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
            return words.unknown_service()
        thanked = kept(request, _COOKIE, _SECONDS)
        if thanked is None or thanked[0] != service.id:
            return words.over()
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
