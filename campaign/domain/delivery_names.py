"""The internal names of deliveries, such as post-2026-11-26-launch."""

import re
from collections.abc import Container
from datetime import date
from itertools import count
from unicodedata import normalize

from models import DeliveryKind

LONGEST_NAME = 80
"""What the column of the name holds, see models.Delivery."""

# Letters that are no others with an accent, so that normalising leaves nothing of them.
_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "\u0131": "i"}
)
_NOT_PLAIN = re.compile(r"[^a-z0-9]+")


def delivery_name(label: str, kind: DeliveryKind, day: date, taken: Container[str]) -> str:
    """Make a name of the label that is not `taken`: plain letters, digits and hyphens, and a number where needed."""
    base = "-".join(filter(None, [kind.value, day.strftime("%Y-%m-%d"), _slug(label)]))
    endings = (f"-{number}" if number > 1 else "" for number in count(1))
    names = (base[: LONGEST_NAME - len(ending)].rstrip("-") + ending for ending in endings)
    return next(name for name in names if name not in taken)


def _slug(label: str) -> str:
    plain = normalize("NFKD", label.casefold().translate(_LETTERS)).encode("ascii", "ignore").decode()
    return _NOT_PLAIN.sub("-", plain.lower()).strip("-")
