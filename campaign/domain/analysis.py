"""The analysis of a post before it goes out: what is wrong, what it costs, when it is out. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from campaign.domain.analysis_content import content_findings
from campaign.domain.analysis_costs import calls_of, cost_findings, cost_of
from campaign.domain.analysis_errors import part_errors
from campaign.domain.analysis_proof import proof_warnings
from campaign.domain.analysis_schedule import date_findings, timetable_findings, timetable_of
from campaign.domain.analysis_warnings import likeness_warnings, part_warnings
from campaign.domain.drafts import Draft
from campaign.domain.findings import Analysis, Finding, Level, PlannedPost, error, info
from campaign.domain.invitations import invitation_findings
from campaign.domain.link_findings import link_findings
from campaign.domain.posts import ReplySettings
from campaign.domain.remarks import findings_of, in_one_line, listed
from campaign.domain.rendered import RenderedPart, Target
from campaign.domain.rendering import Files, render_parts

__all__ = ["Analysis", "Finding", "Level", "PlannedPost", "analyse"]

_ORDER = [Level.ERROR, Level.WARNING, Level.INFO]
_WHO_MAY_ANSWER = {
    None: "Everybody may answer.",
    ReplySettings.FOLLOWING: "Only people whom the account follows may answer.",
    ReplySettings.MENTIONED: "Only people who are named in it may answer.",
    ReplySettings.SUBSCRIBERS: "Only subscribers of the account may answer.",
    ReplySettings.VERIFIED: "Only verified accounts may answer.",
}


def analyse(
    draft: Draft,
    targets: Sequence[Target],
    files: Files,
    *,
    proof: Target | None,
    proofs_sent: int,
    now: datetime,
    public_url: str = "",
) -> tuple[Analysis, list[RenderedPart]]:
    """Look at everything that will go out; the parts are those of all accounts that could be rendered.

    `recent_texts` of a target are those of other deliveries: what this one posted already is no duplicate of itself.
    Without a `public_url` no link is replaced by one whose clicks are counted.
    """
    placed, remarks = render_parts(draft, targets, files, public_url)
    planned = timetable_of(placed, draft, now)
    of = len(draft.content.parts)
    findings = [
        *content_findings(draft, files),
        *invitation_findings(draft, placed),
        *_target_findings(draft, targets, proof),
        *findings_of([*remarks, *part_errors(placed), *part_warnings(placed)], of),
        *likeness_warnings(placed),
        *link_findings(draft, [one.rendered.text for one in placed], public_url),
        *proof_warnings(proof, proofs_sent, placed),
        *date_findings(draft, now),
        *cost_findings(placed, targets),
        *timetable_findings(targets, planned, draft, now),
        *_audience(draft, targets),
    ]
    analysis = Analysis(
        findings=sorted(findings, key=lambda one: _ORDER.index(one.level)),
        messages=len(placed),
        calls=calls_of(placed),
        cost=cost_of(placed),
        timetable=planned,
        ends_at=max((post.at for post in planned), default=None),
    )
    return analysis, [one.rendered for one in placed]


def _target_findings(draft: Draft, targets: Sequence[Target], proof: Target | None) -> Iterator[Finding]:
    known = {target.internal_name.casefold() for target in targets}
    missing = [name for name in draft.services if name.casefold() not in known]
    if missing:
        yield error("unknown_service", f"There is no service {listed(missing)}: choose another, or connect it again.")
    elif not targets:
        yield error("no_target", "The delivery goes to no account: choose a service.")
    for target in targets:
        if target.blocked_because:
            yield error("target_blocked", f"Nothing can go out on @{target.internal_name}: {in_one_line(target)}")
        if proof and proof.service_id == target.service_id:
            yield error(
                "proof_is_target",
                f"@{target.internal_name} is both the proof service and an account that the delivery goes to, so that a"
                " proof would be the publication: choose another one.",
            )


def _audience(draft: Draft, targets: Sequence[Target]) -> Iterator[Finding]:
    protected = [target.internal_name for target in targets if target.protected]
    public = [target.internal_name for target in targets if not target.protected]
    if protected:
        yield info("protected_audience", f"What goes out on {listed(protected)} is seen by its followers only.")
    if public:
        answer = _WHO_MAY_ANSWER[draft.content.reply_settings]
        yield info("public_audience", f"What goes out on {listed(public)} is public. {answer}")
