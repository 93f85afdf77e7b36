"""The two kinds of delivery, posts and broadcasts of direct messages, and what is done with both alike."""

from collections.abc import Mapping
from dataclasses import dataclass

import pendulum

from campaign.broadcasts import prepare as broadcasts
from campaign.broadcasts import send as sending
from campaign.broadcasts.proof import send_broadcast_proof
from campaign.broadcasts.report import report_on
from campaign.db.engine import reading, writing
from campaign.deliveries import approval, edit
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import Draft
from campaign.deliveries.kind import Analysed, Kind, Rendered, Sent
from campaign.deliveries.progress import Progress
from campaign.errors import NotPossible
from campaign.posts import prepare as posts
from campaign.posts import publish
from campaign.posts.prepare import RenderedPost
from models import Delivery, DeliveryKind, DeliveryState


@dataclass
class PostKind:
    """Posts and threads; `steps` run here and now, or as tasks of a Prefect run."""

    steps: publish.Steps = publish.DIRECT
    workflow: str = "post-publication/post-publication"
    shown_as: str = "as X will show it"

    def render(self, name: str) -> Rendered:
        return posts.render_post(name)

    def analyse(self, name: str, actor: str) -> Analysed[RenderedPost]:
        return posts.analyse_delivery(name, actor)

    def last_analysed(self, name: str) -> Analysed[RenderedPost]:
        return posts.as_analysed(name)

    def preview(self, analysed: Analysed[RenderedPost]) -> str:
        return posts.preview_text(analysed)

    def can_be_proved(self, draft: Draft) -> bool:
        return bool(draft.proof_service)

    def send_proof(self, name: str, actor: str, *, like: str = "") -> Progress:  # noqa: ARG002  a post has no recipient
        return publish.send_proof(name, actor, self.steps)

    def send(self, name: str, started_by: str, *, wait: bool) -> Sent:
        report, ends = publish.publish_delivery(name, started_by, wait=wait)
        return Sent(report, *publish.describe_outcome([(report, ends)], []))


@dataclass
class BroadcastKind:
    """Broadcasts of direct messages."""

    workflow: str = "dm-broadcast/dm-broadcast"
    shown_as: str = "as people will get it"

    def render(self, name: str) -> Rendered:
        return broadcasts.render_broadcast(name)

    def analyse(self, name: str, actor: str) -> Analysed[Rendered]:
        return broadcasts.analyse_delivery(name, actor)

    def last_analysed(self, name: str) -> Analysed[Rendered]:
        return broadcasts.last_analysed(name)

    def preview(self, analysed: Analysed[Rendered]) -> str:
        return broadcasts.preview_text(analysed)

    def can_be_proved(self, draft: Draft) -> bool:
        return bool(draft.broadcast.proof_recipients)

    def send_proof(self, name: str, actor: str, *, like: str = "") -> Progress:
        return send_broadcast_proof(name, actor, like=like)

    def send(self, name: str, started_by: str, *, wait: bool) -> Sent:
        edit.resume_if_paused(name, started_by)
        delivery, ends, until = sending.send_broadcast(name, started_by, wait=wait)
        report = report_on(delivery, until)
        unhappy = [f"{report.name}: {report.reason}"] if report.is_unhappy else []
        return Sent(report, *sending.describe_outcome(unhappy, ends, [], until))


Kinds = Mapping[DeliveryKind, Kind]
KINDS: Kinds = {DeliveryKind.POST: PostKind(), DeliveryKind.DM: BroadcastKind()}


def kind_of(name: str, kinds: Kinds = KINDS) -> Kind:
    """Returns the kind of a delivery; raises WrongUsage for an unknown name."""
    with reading() as session:
        return kinds[deliveries.named(session, name).kind]


def confirm(name: str, actor: str, comment: str = "", *, accept_unconsented: bool = False) -> Delivery:
    """Confirms a delivery as it was analysed; raises NotPossible when it was not, or has changed since.

    People in it who never agreed to be written to have to be accepted as such.
    """
    rendered = kind_of(name).render(name)
    with writing() as session:
        delivery = deliveries.named(session, name)
        _check_accepted(delivery, accept_unconsented=accept_unconsented)
        is_same = deliveries.version_of(session, delivery) == rendered.version
        fingerprint = rendered.fingerprint if is_same else ""
        approval.confirm(session, delivery, fingerprint, actor, comment, pendulum.now("UTC"))
        if unconsented := unconsented_in(delivery):
            detail = f"{unconsented:,} recipients who never agreed were accepted."
            deliveries.note(session, delivery, "accepted", actor, pendulum.now("UTC"), detail)
        return delivery


def unconsented_in(delivery: Delivery) -> int:
    """Counts the recipients of an analysed delivery who never agreed to be written to."""
    return approval.kept_analysis(delivery, has_proof=False).unconsented


def _check_accepted(delivery: Delivery, *, accept_unconsented: bool) -> None:
    unconsented = unconsented_in(delivery)
    if unconsented and not accept_unconsented and delivery.state is DeliveryState.ANALYSED:
        raise NotPossible(
            f"{unconsented:,} recipients of {delivery.name} never agreed to be written to, and X lets apps write only"
            " to people who wrote first or agreed: accept exactly that (--accept-unconsented), or set the service's"
            " message policy to consented_only and analyse again."
        )
