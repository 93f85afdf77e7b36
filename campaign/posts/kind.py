"""Posts as a kind of delivery. What only sending needs is imported when a post is sent."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from campaign.deliveries.draft import Draft
from campaign.deliveries.kind import Analysed, Rendered, Sent
from campaign.deliveries.progress import Progress
from campaign.posts import prepare
from campaign.posts.prepare import RenderedPost

if TYPE_CHECKING:
    from campaign.posts.publish import Steps


@dataclass
class PostKind:
    """Posts and threads; their `steps` run here and now, or as tasks of a Prefect run."""

    steps: "Steps | None" = None
    workflow: str = "post-publication/post-publication"
    shown_as: str = "as X will show it"

    def render(self, name: str) -> Rendered:
        return prepare.render_post(name)

    def analyse(self, name: str, actor: str) -> Analysed[RenderedPost]:
        return prepare.analyse_delivery(name, actor)

    def last_analysed(self, name: str) -> Analysed[RenderedPost]:
        return prepare.as_analysed(name)

    def preview(self, analysed: Analysed[RenderedPost]) -> str:
        return prepare.preview_text(analysed)

    def can_be_proved(self, draft: Draft) -> bool:
        return bool(draft.proof_service)

    def send_proof(self, name: str, actor: str, *, like: str = "") -> Progress:  # noqa: ARG002  a post has no recipient
        from campaign.posts import publish

        return publish.send_proof(name, actor, self.steps or publish.DIRECT)

    def send(self, name: str, started_by: str, *, wait: bool) -> Sent:
        from campaign.posts import publish

        report, ends = publish.publish_delivery(name, started_by, wait=wait)
        return Sent(report, *publish.describe_outcome([(report, ends)], []))
