"""The four keys of an X account, and the mistakes people make when copying them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields

from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class Keys:
    """OAuth 1.0a keys of one account, as the developer console shows them; the repr of it shows nothing."""

    consumer_key: SecretStr = field(repr=False)
    consumer_secret: SecretStr = field(repr=False)
    access_token: SecretStr = field(repr=False)
    access_token_secret: SecretStr = field(repr=False)


_LABELS = {each.name: each.name.replace("_", " ") for each in fields(Keys)}

# X builds an access token of the account's id and 40 letters and digits; no other key holds a hyphen.
_ACCESS_TOKEN = re.compile(r"\d+-[A-Za-z0-9]{20,}")
_CONSUMER_KEY_LENGTH, _CONSUMER_SECRET_LENGTH = 25, 50


def problems_of(keys: Keys) -> list[str]:
    """Returns a sentence for everything by which the keys surely cannot work.

    Only certain mistakes are refused: X never promised the shape of a key.
    """
    values = {label: getattr(keys, name).get_secret_value() for name, label in _LABELS.items()}
    confused = [_repeated(values), _token_elsewhere(values), _key_and_secret_swapped(values)]
    return list(_unusable(values)) or [problem for problem in confused if problem]


def _unusable(values: dict[str, str]) -> Iterator[str]:
    for label, value in values.items():
        if not value.strip():
            yield f"The {label} is empty: copy it from the developer console."
        elif any(character.isspace() for character in value):
            yield f"The {label} contains a space or a line break: copy it again from the developer console."


def _repeated(values: dict[str, str]) -> str | None:
    first_seen: dict[str, str] = {}
    for label, value in values.items():
        if value in first_seen:
            return f"The {first_seen[value]} and the {label} are the same: copy both again from the developer console."
        first_seen[value] = label
    return None


def _token_elsewhere(values: dict[str, str]) -> str | None:
    if _ACCESS_TOKEN.fullmatch(values["access token"]):
        return None
    for label, value in values.items():
        if _ACCESS_TOKEN.fullmatch(value):
            return f"The {label} looks like an access token (digits, a hyphen, letters): the two are swapped."
    return None


def _key_and_secret_swapped(values: dict[str, str]) -> str | None:
    lengths = len(values["consumer key"]), len(values["consumer secret"])
    if lengths == (_CONSUMER_SECRET_LENGTH, _CONSUMER_KEY_LENGTH):
        return "The consumer key is as long as a consumer secret and the other way round: the two are swapped."
    return None
