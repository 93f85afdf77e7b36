"""The simulated X as one ASGI application: X's endpoints, and `/control` beside them."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from campaign.simulator import control
from campaign.simulator.endpoint import refuse
from campaign.simulator.problems import coded, plain
from campaign.simulator.routes import ENDPOINTS, billing, consent, oauth1, oauth2
from campaign.simulator.wire import Wire
from campaign.simulator.world import World


def create_app(world: World | None = None) -> Starlette:
    """Returns the application over this world; over an empty one of its own when none is given."""
    world = world or World()
    served = (*ENDPOINTS, *consent.SCREENS, *oauth1.STEPS, *oauth2.STEPS, *billing.STEPS)
    routes = [*(each.route(world) for each in served), *control.routes(world)]
    handlers = {404: _unknown, 405: _unknown, control.Wrong: control.refuse}
    return Starlette(routes=routes, middleware=[Middleware(Wire, world)], exception_handlers=handlers)


async def _unknown(request: Request, _: Exception) -> Response:
    """Answers a path that X, or the control API, does not serve."""
    if request.url.path.startswith("/control"):
        return await control.refuse(request, control.Wrong(f"There is no {request.method} {request.url.path}."))
    if request.url.path.startswith("/1.1/"):
        return refuse(coded(404, 34, "Sorry, that page does not exist."))
    return refuse(plain(404, "Not Found"))
