"""What really happened, whatever the client was answered."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime

REMEMBERED = 100_000


@dataclass
class Call:
    """One call to X: `status` is that of the answer (None: no answer), `resources` what was really returned."""

    time: datetime
    method: str
    path: str
    account: str | None = None
    status: int | None = None
    resources: int = 0
    fault: str | None = None


def new_log() -> deque[Call]:
    """Returns a log of calls that forgets the oldest, so that a benchmark does not fill the memory."""
    return deque(maxlen=REMEMBERED)
