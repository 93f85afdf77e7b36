"""What the endpoints of X have in common in reading their parameters and writing their answers."""

import re
from collections.abc import Collection

from campaign.simulator.endpoint import Asked
from campaign.simulator.problems import invalid
from campaign.simulator.render import ALWAYS, FIELDS, View

NUMBER = re.compile(r"[0-9]{1,9}")
ID = re.compile(r"[0-9]{1,19}")
USERNAME = re.compile(r"[A-Za-z0-9_]{1,15}")
MANY = 100
"""Users that can be looked up in one call, on v2 as on v1.1."""


def view(asked: Asked, *, following: bool = False) -> View:
    """Returns how v2 is asked to show users."""
    fields = ALWAYS | chosen(asked, "user.fields", FIELDS)
    return View(fields - hidden_from(asked), asked.world.post_word, following)


def chosen(asked: Asked, parameter: str, allowed: Collection[str]) -> frozenset[str]:
    """Returns the values of a list that X knows; it drops the others silently, a strict X refuses them."""
    values = split(asked.given.get(parameter, ""))
    for value in values:
        if asked.world.strict and value not in allowed:
            raise invalid(parameter, value, f"is not one of [{','.join(sorted(allowed))}]")
    return frozenset(values).intersection(allowed)


def hidden_from(asked: Asked) -> set[str]:
    """Returns the fields that the caller may not see: an address is shown only to the app to which it was granted."""
    return set() if asked.grant and asked.grant.gives_email and asked.grant.is_oauth2 else {"confirmed_email"}


def known(asked: Asked, *parameters: str) -> None:
    """Refuses parameters that v2 does not know for this endpoint; a strict X also those of its other vocabulary."""
    other = f"{asked.world.other_word}.fields"
    if asked.world.strict and other in asked.given:
        raise invalid(other, asked.given[other], f"is not one of [{asked.world.post_word}.fields]")
    for parameter in asked.given.keys() - set(parameters):
        raise invalid(parameter, asked.given[parameter], f"is not one of [{','.join(parameters)}]")


def whole_number(asked: Asked, parameter: str, default: int, most: int, least: int = 1) -> int:
    """Returns a number from `least` to `most`."""
    text = asked.given.get(parameter, str(default))
    if not (NUMBER.fullmatch(text) and least <= int(text) <= most):
        raise invalid(parameter, text, f"is not between {least} and {most}")
    return int(text)


def several(asked: Asked, parameter: str, shape: re.Pattern[str]) -> list[str]:
    """Returns up to 100 values of this shape, separated by commas; at least one."""
    values = split(asked.given.get(parameter, ""))
    if not 1 <= len(values) <= MANY:
        raise invalid(parameter, ",".join(values), f"does not hold between 1 and {MANY} values")
    for value in values:
        require(parameter, value, shape)
    return values


def require(parameter: str, value: str, shape: re.Pattern[str]) -> None:
    """Refuses a value that has not this shape."""
    if not shape.fullmatch(value):
        raise invalid(parameter, value, f"does not match ^{shape.pattern}$")


def split(text: str) -> list[str]:
    """Returns the values between the commas, each once."""
    return list(dict.fromkeys(value.strip() for value in text.split(",") if value.strip()))
