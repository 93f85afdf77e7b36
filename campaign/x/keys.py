"""The four keys of an X account, and the mistakes people make when copying them."""

import re
from dataclasses import dataclass, field, fields

from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class Keys:
    """OAuth 1.0a keys of one account, as the developer console shows them; its repr shows none of them."""

    consumer_key: SecretStr = field(repr=False)
    consumer_secret: SecretStr = field(repr=False)
    access_token: SecretStr = field(repr=False)
    access_token_secret: SecretStr = field(repr=False)


_LABELS = {each.name: each.name.replace("_", " ") for each in fields(Keys)}

# X builds an access token of the account's id and 40 letters and digits; no other key holds a hyphen.
_ACCESS_TOKEN = re.compile(r"\d+-[A-Za-z0-9]{20,}")
_CONSUMER_KEY_LENGTH, _CONSUMER_SECRET_LENGTH = 25, 50


def problems_of(keys: Keys) -> list[str]:
    """Returns a sentence for every reason why the keys cannot work.

    Only certain mistakes are refused: X never promised the shape of a key.
    """
    values = {label: getattr(keys, name).get_secret_value() for name, label in _LABELS.items()}
    unusable = [
        f"The {label} is empty: copy it from the developer console."
        if not value.strip()
        else f"The {label} contains a space or a line break: copy it again from the developer console."
        for label, value in values.items()
        if not value.strip() or any(character.isspace() for character in value)
    ]
    if unusable:
        return unusable
    problems = list[str]()
    labels = dict[str, str]()
    for label, value in values.items():
        if value in labels and not problems:
            problems.append(
                f"The {labels[value]} and the {label} are the same: copy both again from the developer console."
            )
        labels.setdefault(value, label)
    tokens = [label for label, value in values.items() if _ACCESS_TOKEN.fullmatch(value)]
    if tokens and "access token" not in tokens:
        problems.append(f"The {tokens[0]} looks like an access token (digits, a hyphen, letters): the two are swapped.")
    lengths = len(values["consumer key"]), len(values["consumer secret"])
    if lengths == (_CONSUMER_SECRET_LENGTH, _CONSUMER_KEY_LENGTH):
        problems.append(
            "The consumer key is as long as a consumer secret and the other way round: the two are swapped."
        )
    return problems
