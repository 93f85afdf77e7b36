"""What analyses of broadcasts are made of, one maker per kind of thing, and the analysis of it."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from campaign.broadcasts.analysis import analyse_broadcast
from campaign.broadcasts.schedule import BroadcastTarget, split
from campaign.deliveries.draft import Audience, Broadcast, Draft, Part, PlannedWave, SameWaves, Waves
from campaign.deliveries.findings import Sample
from campaign.deliveries.kind import Files
from campaign.limits.rate_limits import Allowance
from campaign.posts.analysis import Analysis
from models import DeliveryKind, WindowName
from tests import analysing
from tests.factories import NOW

V2 = {WindowName.QUARTER_HOUR: 15, WindowName.USER_DAY: 1_440, WindowName.APP_DAY: 1_440}
_OF_BROADCAST = ("waves", "proof_recipients")
STOP = "Reply STOP to stop these messages."


def broadcast(*parts: str | Part, **changes: Any) -> Draft:
    """A draft of direct messages; what is said of whom, when and to whom proofs go may stand beside the rest."""
    of_audience = {name: changes.pop(name) for name in Audience.model_fields if name in changes}
    of_broadcast: dict[str, Any] = {name: changes.pop(name) for name in _OF_BROADCAST if name in changes}
    described = Broadcast(proof_recipients=["me"]).model_copy(
        update={"audience": Audience().model_copy(update=of_audience), **of_broadcast}
    )
    defaults: dict[str, Any] = {"kind": DeliveryKind.DM, "broadcast": described}
    return analysing.draft(*(parts or ["Hello {{ visitor.name }}"]), **{**defaults, **changes})


def receiver(internal_name: str = "acme", service_id: int = 1, recipients: int = 10, **changes: Any) -> BroadcastTarget:
    defaults: dict[str, Any] = {
        "label": internal_name.title(),
        "targeted": recipients + sum(changes.get("excluded", {}).values()),
        "waves": split(Waves(), [recipients])[0],
        "limits": V2,
        "allowance": Allowance(15),
        "opt_out_line": STOP,
        "left": Decimal(50_000),
    }
    return BroadcastTarget(
        service_id=service_id, internal_name=internal_name, recipients=recipients, **{**defaults, **changes}
    )


def same(amount: int, period_seconds: int = 3_600, *, is_percentage: bool = False) -> Waves:
    return Waves(same=SameWaves(amount=amount, period_seconds=period_seconds, is_percentage=is_percentage))


def calendar(*waves: tuple[int, int], is_percentage: bool = False) -> Waves:
    planned = [PlannedWave(amount=amount, is_percentage=is_percentage, after_seconds=after) for amount, after in waves]
    return Waves(calendar=planned)


def sample(service: str = "acme", text: str = "Hello Ann") -> Sample:
    return Sample(why="random", service=service, handle="ann", full_name="Ann", text=text)


def analysed(
    described: Draft,
    *targets: BroadcastTarget,
    text_problem: str | None = None,
    samples: Sequence[Sample] = (),
    proofs_sent: int = 1,
    files: Files | None = None,
) -> Analysis:
    """The analysis of it, by targets whose waves are those of the draft."""
    chosen = targets or (receiver(),)
    shares = split(described.broadcast.waves, [target.recipients for target in chosen])
    split_up = [replace(target, waves=waves) for target, waves in zip(chosen, shares, strict=True)]
    return analyse_broadcast(described, split_up, text_problem, samples, proofs_sent=proofs_sent, now=NOW, files=files)


def errors(described: Draft, *targets: BroadcastTarget, **options: Any) -> dict[str, str]:
    """What keeps it from going out: the sentences by their code."""
    analysis = analysed(described, *targets, **options)
    wrong = {finding.code for finding in analysis.errors}
    return {code: said for code, said in analysing.sentences(analysis).items() if code in wrong}
