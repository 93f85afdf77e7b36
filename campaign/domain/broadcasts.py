"""Whom a broadcast of direct messages goes to, and in which waves, as a person describes it."""

from pydantic import BaseModel, ConfigDict, Field

MOST_WAVES = 100
LONGEST_LIST = 100_000


class _Plain(BaseModel):
    """Unchangeable, and strict about names."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Audience(_Plain):
    """The target: everybody who follows, unless a list or another delivery is named; those of them who meet `where`."""

    where: str = ""
    """A condition, see campaign.domain.conditions; empty is everybody."""
    people: list[str] = Field(default=[], max_length=LONGEST_LIST)
    """Handles or X user ids."""
    recipients_of: str = ""
    """The internal name of a delivery: those who got it."""
    except_where: str = ""
    """Whoever meets this condition gets nothing."""
    not_if_received: list[str] = []
    """Internal names of deliveries: who got one of them gets nothing."""
    limit: int | None = Field(default=None, ge=1)
    """At most so many people in all."""


class WaveSize(_Plain):
    """How large a wave is: so many messages, or so many per cent of all of them."""

    amount: int = Field(ge=1)
    is_percentage: bool = False


class PlannedWave(WaveSize):
    """One wave of a calendar: its size, and how long after the start of the delivery it begins."""

    after_seconds: int = Field(0, ge=0)


class SameWaves(WaveSize):
    """Waves of one size, one every `period_seconds`, as many as it takes."""

    period_seconds: int = Field(ge=60)


class Waves(_Plain):
    """At most one of the two; neither is a single wave. What a calendar leaves over goes with its last wave."""

    same: SameWaves | None = None
    calendar: list[PlannedWave] = Field(default=[], max_length=MOST_WAVES)


class Broadcast(_Plain):
    """What only a broadcast has."""

    audience: Audience = Audience()
    waves: Waves = Waves()
    proof_recipients: list[str] = Field(default=[], max_length=100)
    """Handles of those who get the proofs, from the first service of the delivery."""
