"""The analysis of a broadcast: what is wrong, whom it reaches, what it costs, when it is out. Pure."""

from collections.abc import Sequence
from datetime import datetime

from campaign.domain.analysis_schedule import date_findings
from campaign.domain.broadcast_content import content_findings
from campaign.domain.broadcast_costs import broadcast_calls, broadcast_cost, cost_findings
from campaign.domain.broadcast_people import people_findings, service_findings
from campaign.domain.broadcast_plans import planned
from campaign.domain.broadcast_target import BroadcastTarget
from campaign.domain.broadcast_times import time_findings
from campaign.domain.broadcast_warnings import proof_warnings, text_warnings
from campaign.domain.broadcast_waves import wave_errors
from campaign.domain.drafts import Draft
from campaign.domain.exclusion_words import together
from campaign.domain.findings import Analysis, Level, Sample
from campaign.domain.link_findings import link_findings
from campaign.domain.rendering import Files

__all__ = ["BroadcastTarget", "analyse_broadcast"]

_ORDER = [Level.ERROR, Level.WARNING, Level.INFO]


def analyse_broadcast(
    draft: Draft,
    targets: Sequence[BroadcastTarget],
    text_problem: str | None,
    samples: Sequence[Sample],
    *,
    proofs_sent: int,
    now: datetime,
    files: Files | None = None,
    public_url: str = "",
) -> Analysis:
    """Look at everything that will go out; `text_problem` is a sentence when the text cannot be personalised.

    `files` are those of the message as far as they could be read; None when they are looked at elsewhere.
    Without a `public_url` no link is replaced by one whose clicks are counted.
    """
    recipients = sum(target.recipients for target in targets)
    plans = planned(targets, draft, now)
    findings = [
        *content_findings(draft, text_problem, samples, files),
        *service_findings(draft, targets),
        *people_findings(draft, targets),
        *wave_errors(draft.broadcast.waves, recipients),
        *date_findings(draft, now),
        *text_warnings(draft, targets, samples),
        *link_findings(draft, [part.text for part in draft.content.parts], public_url),
        *proof_warnings(draft, proofs_sent),
        *cost_findings(targets),
        *time_findings(plans, draft, now),
    ]
    return Analysis(
        findings=sorted(findings, key=lambda one: _ORDER.index(one.level)),
        messages=recipients,
        calls=broadcast_calls(targets),
        cost=broadcast_cost(targets),
        ends_at=max((one.ends_at for one in plans), default=None),
        targeted=sum(target.targeted for target in targets),
        excluded=together(target.excluded for target in targets),
        unconsented=sum(target.unconsented for target in targets),
        samples=list(samples),
        waves=[wave for one in plans for wave in one.waves],
    )
