"""Broadcasts as a kind of delivery. What only sending needs is imported when a broadcast is sent."""

from dataclasses import dataclass

from campaign.broadcasts import prepare
from campaign.deliveries import edit
from campaign.deliveries.draft import Draft
from campaign.deliveries.kind import Analysed, Progress, Rendered, Sent


@dataclass
class BroadcastKind:
    """Broadcasts of direct messages."""

    workflow: str = "dm-broadcast/dm-broadcast"
    shown_as: str = "as people will get it"

    def render(self, name: str) -> Rendered:
        return prepare.render_broadcast(name)

    def analyse(self, name: str, actor: str) -> Analysed[Rendered]:
        return prepare.analyse_delivery(name, actor)

    def last_analysed(self, name: str) -> Analysed[Rendered]:
        return prepare.last_analysed(name)

    def preview(self, analysed: Analysed[Rendered]) -> str:
        return prepare.preview_text(analysed)

    def can_be_proved(self, draft: Draft) -> bool:
        return bool(draft.broadcast.proof_recipients)

    def send_proof(self, name: str, actor: str, *, like: str = "") -> Progress:
        from campaign.broadcasts.proof import send_broadcast_proof

        return send_broadcast_proof(name, actor, like=like)

    def send(self, name: str, started_by: str, *, wait: bool) -> Sent:
        from campaign.broadcasts import send
        from campaign.broadcasts.report import report_on

        edit.resume_if_paused(name, started_by)
        delivery, ends, until = send.send_broadcast(name, started_by, wait=wait)
        report = report_on(delivery, until)
        unhappy = [f"{report.name}: {report.reason}"] if report.is_unhappy else []
        return Sent(report, *send.describe_outcome(unhappy, ends, [], until))
