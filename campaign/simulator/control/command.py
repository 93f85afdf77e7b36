"""One command of the control API, and how its body is read."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args, get_origin

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from campaign.simulator.world import World

Shape = dict[str, Any]
"""Fields that a body may have, with their types, like int, list[str] or dict[str, int]."""

NUMBER = re.compile(r"[0-9]{1,9}")
WORDS = {str: "a text", bool: "true or false", int: "a whole number from 0", int | float: "a number from 0"}


class Wrong(Exception):
    """The request cannot be done; the message says why in one sentence."""


@dataclass(frozen=True, slots=True)
class Order:
    """A request: the values in its path and query, and its body, whose fields are of the right types."""

    world: World
    given: dict[str, str]
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Command:
    """A path under /control; `shape` is what the body may hold."""

    method: str
    path: str
    obey: Callable[[Order], Any]
    shape: Shape | None = None

    def route(self, world: World) -> Route:
        """Returns where the server finds it."""

        async def answer(request: Request) -> Response:
            body = check(await _body(request), self.shape or {})
            done = self.obey(Order(world, {**request.query_params, **request.path_params}, body))
            return _json(200, {} if done is None else done)

        return Route(self.path, answer, methods=[self.method])


def check(body: Any, shape: Shape, what: str = "The body") -> dict[str, Any]:
    """Returns the body; refuses all but an object that has only these fields, each of its type."""
    if not isinstance(body, dict):
        raise Wrong(f"{what} must be a JSON object.")
    for field, value in body.items():
        if field not in shape:
            raise Wrong(f"{what} has an unknown field {field!r}; it may have {', '.join(shape) or 'none'}.")
        if not _fits(value, shape[field]):
            raise Wrong(f"{what} needs {field!r} to be {WORDS.get(shape[field], shape[field])}, not {value!r}.")
    return body


def whole(order: Order, field: str, default: int) -> int:
    """Returns a whole number from the query, not below 0."""
    text = order.given.get(field, str(default))
    if not NUMBER.fullmatch(text):
        raise Wrong(f"{field!r} must be a whole number, not {text!r}.")
    return int(text)


async def refuse(_: Request, why: Exception) -> Response:
    """Returns the answer to a wrong request."""
    return _json(400, {"error": str(why)})


def _fits(value: Any, wanted: Any) -> bool:
    """Returns whether a value is of this type, down to its elements; no number here is ever negative."""
    origin = get_origin(wanted)
    if origin in {list, dict}:
        parts = value.values() if isinstance(value, dict) else value
        return isinstance(value, origin) and all(_fits(part, get_args(wanted)[-1]) for part in parts)
    if isinstance(value, bool):
        return wanted is bool
    return isinstance(value, wanted) and not (isinstance(value, int | float) and value < 0)


async def _body(request: Request) -> Any:
    raw = await request.body()
    try:
        return orjson.loads(raw or b"{}")
    except orjson.JSONDecodeError:
        raise Wrong("The body is not JSON.") from None


def _json(status: int, content: Any) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")
