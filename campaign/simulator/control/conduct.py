"""How X behaves: what it remembers, where it fails, what it allows, how it spells."""

from dataclasses import asdict
from typing import Any

from campaign.simulator.control.command import Command, Order, Shape, Wrong
from campaign.simulator.faults import Fault, FaultKind
from campaign.simulator.limits import Family, Limits
from campaign.simulator.routes import ENDPOINTS
from campaign.simulator.world import EXPANSIONS_AS_FIELDS, Spelling, World

FAULT: Shape = {
    "path": str,
    "kind": str,
    "method": str,
    "after": int,
    "times": int | None,
    "probability": int | float,
    "seed": int,
    "seconds": int | float,
    "status": int,
    "headers": dict[str, str],
    "body": str | dict | list | None,
    "for_seconds": int | float | None,
    "as_date": bool,
    "reset_date": str,
    "problem": str,
    "resource": str,
    "index": int,
    "omit": list[str],
    "put": dict,
}
LIMITS: Shape = {
    "window_seconds": int | float,
    "limits": dict[str, int],
    "day_seconds": int | float,
    "day_limits": dict[str, dict[str, int | None]],
    "headers": bool,
}
SPELLING: Shape = {"spelling": str, "only": bool, "strict": bool, "expansions_as_fields": bool}
PRICES: Shape = {
    "eventTypePricing": dict[str, int | float],
    "requestTypePricing": dict[str, int | float],
    "defaultCost": int | float,
    "serves_credits": bool,
}
METHODS = ("GET", "POST", "DELETE")
STATUSES = range(200, 600)
NAMES = [endpoint.name for endpoint in ENDPOINTS]


def show_calls(order: Order) -> dict[str, Any]:
    """Answers every call, the oldest first."""
    return {"calls": [asdict(call) for call in order.world.calls]}


def delete_calls(order: Order) -> None:
    """Deletes the calls so far."""
    order.world.calls.clear()


def add_fault(order: Order) -> dict[str, Any]:
    """Lets calls go wrong."""
    body = order.body
    if body.get("kind") not in list(FaultKind) or "path" not in body:
        raise Wrong(f"A fault needs a 'path' and a 'kind' of {', '.join(FaultKind)}.")
    if body.get("status", 503) not in STATUSES:
        raise Wrong(f"A status is a number from 200 to 599, not {body['status']}.")
    if body.get("method", "GET") not in METHODS:
        raise Wrong(f"A method is one of {', '.join(METHODS)}, not {body['method']!r}.")
    for_ever = {"times": None} if "probability" in body else {}
    fault = Fault(**{**for_ever, **body, "kind": FaultKind(body["kind"])})
    order.world.faults.append(fault)
    return asdict(fault)


def show_faults(order: Order) -> dict[str, Any]:
    """Answers all faults, with the calls they have seen and struck."""
    return {"faults": [asdict(fault) for fault in order.world.faults]}


def delete_faults(order: Order) -> None:
    """Deletes all faults."""
    order.world.faults.clear()


def set_limits(order: Order) -> dict[str, Any]:
    """Sets limits; what is not named is as X documents it."""
    body = order.body
    for name in [*body.get("limits", {}), *body.get("day_limits", {})]:
        if name not in NAMES:
            raise Wrong(f"There is no endpoint {name!r}; there are {', '.join(NAMES)}.")
    for endpoint, caps in body.get("day_limits", {}).items():
        if not caps.keys() <= {Family.USER, Family.APP}:
            raise Wrong(f"A day limit is {{'user': n, 'app': n}}, not {caps!r} for {endpoint!r}.")
    order.world.limits = Limits(**body)
    return _limits(order.world)


def _limits(world: World) -> dict[str, Any]:
    """Returns the limits in force, of all endpoints."""
    caps = {endpoint.name: world.limits.caps(endpoint.name, endpoint.caps) for endpoint in ENDPOINTS}
    days = {name: {str(family): caps[name][family] for family in caps[name]} for name in caps}
    limits = {name: caps.pop(Family.WINDOW) for name, caps in days.items()}
    return {"limits": limits, "day_limits": {name: caps for name, caps in days.items() if caps}}


def expire_tokens(order: Order) -> None:
    """Makes all page tokens so far unknown."""
    order.world.expire_tokens()


def set_spelling(order: Order) -> None:
    """Uses X's old or new names of fields."""
    spelling = order.body.get("spelling")
    if spelling not in list(Spelling):
        raise Wrong(f"The spelling is one of {', '.join(Spelling)}, not {spelling!r}.")
    as_fields = order.body.get("expansions_as_fields", EXPANSIONS_AS_FIELDS)
    only, strict = order.body.get("only", False), order.body.get("strict", False)
    order.world.respell(Spelling(spelling), only=only, strict=strict, expansions_as_fields=as_fields)


def set_prices(order: Order) -> dict[str, Any]:
    """Changes X's list of prices, and whether X answers what is left of the credits."""
    world, body = order.world, dict(order.body)
    world.serves_credits = body.pop("serves_credits", True)
    for name, prices in body.items():
        world.prices[name] = world.prices[name] | prices if isinstance(prices, dict) else prices
    return world.prices


def reset(order: Order) -> None:
    """Empties the world."""
    order.world.reset()


COMMANDS = (
    Command("GET", "/calls", show_calls),
    Command("DELETE", "/calls", delete_calls),
    Command("POST", "/faults", add_fault, FAULT),
    Command("GET", "/faults", show_faults),
    Command("DELETE", "/faults", delete_faults),
    Command("PUT", "/limits", set_limits, LIMITS),
    Command("POST", "/tokens/expire", expire_tokens),
    Command("POST", "/spelling", set_spelling, SPELLING),
    Command("PUT", "/prices", set_prices, PRICES),
    Command("POST", "/reset", reset),
)
