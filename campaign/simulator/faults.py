"""Which calls go wrong, and how."""

import time
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
    BYTE_ORDER_MARK = "byte_order_mark"
    """The right answer behind a byte order mark."""
    NOT_ROUTED = "not_routed"
    """404 with nothing in it, as X answers paths that it does not route at the moment; nothing was done."""
    UNAUTHORIZED = "unauthorized"
    """401 though the keys are right; nothing was done."""
    RETRY_LATER = "retry_later"
    """`status` with `Retry-After` in `seconds`, or as a date with `as_date`; nothing was done."""
    SPEND_CAP_REACHED = "spend_cap_reached"
    """403 until `reset_date`, as when the spending limit of the console is reached; nothing was done."""
    PROBLEM = "problem"
    """`status` and a problem of the type `problem`; nothing was done."""
    EMPTY_PAGE = "empty_page"
    """A page without rows, and a new token that leads to the page that was asked for."""
    SAME_PAGE = "same_page"
    """The right page, whose `next_token` leads to itself."""
    SAME_EMPTY_PAGE = "same_empty_page"
    """A page without rows, whose `next_token` leads to itself."""
    ODD_RECORD = "odd_record"
    """The right answer, but the record `index` lacks the fields `omit` and has those of `put`."""
    LACKING = "lacking"
    """The right answer, but no record has the fields `omit`."""
    RECORD_PROBLEM = "record_problem"
    """The record `index` stands among the `errors` with the type `problem`; with `omit` it lacks only these fields."""


@dataclass
class Fault:
    """Calls whose path fits `path` (fnmatch) go wrong: `times` of them, once `after` of them went well.

    With `method`, like POST, only calls with it are meant. `for_seconds` after it was made the fault is over.

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
    for_seconds: float | None = None
    as_date: bool = False
    reset_date: str = "2099-01-01"
    problem: str = "internal-error"
    resource: str = "tweet"
    index: int = 0
    omit: list[str] = field(default_factory=list)
    put: dict[str, Any] = field(default_factory=dict)
    seen: int = 0
    struck: int = 0

    def __post_init__(self) -> None:
        self._dice = Random(self.seed)  # noqa: S311 - repeatable on purpose
        self._ends = None if self.for_seconds is None else time.monotonic() + self.for_seconds

    def strikes(self, method: str, path: str) -> bool:
        """Returns whether this call goes wrong; every call that fits is counted."""
        if self.method not in {None, method} or not fnmatchcase(path, self.path):
            return False
        self.seen += 1
        is_over = self._ends is not None and time.monotonic() >= self._ends
        used_up = is_over or (self.times is not None and self.struck >= self.times)
        return self.seen > self.after and not used_up and self._dice.random() < self.probability


class Faults(list[Fault]):
    """The faults in force, in the order they were asked for."""

    def strike(self, method: str, path: str) -> Fault | None:
        """Returns the first fault that this call meets."""
        striking = [fault for fault in self if fault.strikes(method, path)]
        for fault in striking[:1]:
            fault.struck += 1
        return next(iter(striking), None)
