"""Which calls go wrong, and how."""

from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from random import Random
from typing import Any


class FaultKind(StrEnum):
    """What the client sees, and whether X did the work all the same."""

    UNAVAILABLE_BEFORE = "unavailable_before"
    """503, nothing was done."""
    UNAVAILABLE_AFTER = "unavailable_after"
    """503, though the work was done and billed."""
    RESET_BEFORE = "reset_before"
    """The connection is reset, nothing was done."""
    ANSWER_LOST = "answer_lost"
    """The work was done, then the connection closes without an answer."""
    SLOW = "slow"
    """The right answer, `seconds` late."""
    TRUNCATED = "truncated"
    """Half of the right answer, then the connection closes."""
    HTML = "html"
    """A page in HTML with `status` (503), as from a proxy in front of X; nothing was done."""
    EMPTY = "empty"
    """The work was done; 200 with nothing in it."""
    BROKEN_JSON = "broken_json"
    """The work was done; 200 with the right answer cut off in the middle."""
    LITERAL = "literal"
    """Exactly `status`, `headers` and `body`; nothing was done."""


@dataclass
class Fault:
    """Calls whose path fits `path` (fnmatch) go wrong: `times` of them, once `after` of them went well.

    With `method`, like POST, only calls with it are meant.

    With `probability` each one goes wrong by chance, drawn from `seed`; `times` None means for ever.
    """

    path: str
    kind: FaultKind
    method: str | None = None
    after: int = 0
    times: int | None = 1
    probability: float = 1.0
    seed: int = 0
    seconds: float = 1.0
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = ""
    seen: int = 0
    struck: int = 0

    def __post_init__(self) -> None:
        self._dice = Random(self.seed)  # noqa: S311 - repeatable on purpose

    def strikes(self, method: str, path: str) -> bool:
        """Whether this call goes wrong; every call that fits is counted."""
        if self.method not in {None, method} or not fnmatchcase(path, self.path):
            return False
        self.seen += 1
        used_up = self.times is not None and self.struck >= self.times
        return self.seen > self.after and not used_up and self._dice.random() < self.probability


class Faults(list[Fault]):
    """The faults in force, in the order they were asked for."""

    def strike(self, method: str, path: str) -> Fault | None:
        """The first fault that this call meets."""
        striking = [fault for fault in self if fault.strikes(method, path)]
        for fault in striking[:1]:
            fault.struck += 1
        return next(iter(striking), None)
