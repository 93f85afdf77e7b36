"""What the analysis of a delivery says: findings, figures, and when what goes out."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Level(StrEnum):
    """How much a finding holds up."""

    INFO = "info"
    WARNING = "warning"
    """A person should look at it; a semi-automatic delivery waits for one."""
    ERROR = "error"
    """Nothing can go out before it is put right."""


class _Plain(BaseModel):
    """Unchangeable; as JSON with `model_dump_json` and `model_validate_json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Finding(_Plain):
    """Something that the analysis found: a stable code, and one sentence that says what to do."""

    level: Level
    code: str
    sentence: str


class PlannedPost(_Plain):
    """When a part goes out on a service (by internal name), as far as that is known now."""

    service: str
    part: int
    at: datetime


class Sample(_Plain):
    """A message as one person will get it; `why` is shortest, longest, random or chosen."""

    why: str
    service: str
    handle: str
    full_name: str
    text: str


class WavePlan(_Plain):
    """One wave of a broadcast on a service (by internal name), as far as its times are known now."""

    service: str
    number: int
    recipients: int
    begins_at: datetime
    ends_at: datetime


class Analysis(_Plain):
    """Everything found, how many messages and calls of X's API, US dollars, and the timetable."""

    findings: list[Finding] = []
    messages: int = 0
    calls: int = 0
    cost: Decimal = Decimal(0)
    timetable: list[PlannedPost] = []
    ends_at: datetime | None = None
    """When the last part is out."""
    targeted: int = 0
    """People in the target of a broadcast, those who get nothing included."""
    excluded: dict[str, int] = {}
    """How many of them get nothing, by ExclusionReason."""
    unconsented: int = 0
    """Recipients who never agreed to be written to: a person has to accept exactly that number."""
    samples: list[Sample] = []
    waves: list[WavePlan] = []

    @property
    def errors(self) -> list[Finding]:
        """What has to be put right first."""
        return [finding for finding in self.findings if finding.level is Level.ERROR]

    @property
    def warnings(self) -> list[Finding]:
        """What a person should look at."""
        return [finding for finding in self.findings if finding.level is Level.WARNING]

    @property
    def is_ok(self) -> bool:
        """Whether it may go out."""
        return not self.errors

    @property
    def has_warnings(self) -> bool:
        """Whether a person should look at it first."""
        return bool(self.warnings)


def error(code: str, sentence: str) -> Finding:
    """What has to be put right."""
    return Finding(level=Level.ERROR, code=code, sentence=sentence)


def warning(code: str, sentence: str) -> Finding:
    """What a person should look at."""
    return Finding(level=Level.WARNING, code=code, sentence=sentence)


def info(code: str, sentence: str) -> Finding:
    """What is good to know."""
    return Finding(level=Level.INFO, code=code, sentence=sentence)
