"""What an app calls for itself, mostly while a user signs in with it: no account signs these calls."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from campaign.simulator import bodies
from campaign.simulator.accounts import Account
from campaign.simulator.bodies import Body
from campaign.simulator.endpoint import refuse
from campaign.simulator.problems import Refusal
from campaign.simulator.world import World


@dataclass(frozen=True, slots=True)
class Step:
    """One call of an app: `take` gives the owner of the app, if the call names one, and the answer."""

    name: str
    path: str
    take: Callable[[World, Request, Body], tuple[Account | None, bytes]]
    media_type: str = "application/json"
    methods: tuple[str, ...] = ("POST",)

    def route(self, world: World) -> Route:
        """Returns where the server finds it."""

        async def answer(request: Request) -> Response:
            try:
                owner, body = self.take(world, request, await bodies.read(request))
            except Refusal as no:
                return refuse(no)
            if owner is not None:
                owner.calls[self.name] += 1
                request.state.call.account = world.user(owner.number).username
            return Response(body, media_type=self.media_type)

        return Route(self.path, answer, methods=list(self.methods), name=self.name)


def authorization(request: Request) -> str:
    """Returns the header that says who calls; empty without one."""
    return request.headers.get("authorization", "")
