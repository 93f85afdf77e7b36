"""A post rendered, analysed and shown before it goes out, and posts as a kind of delivery."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pendulum
from sqlmodel import Session, col, select

from campaign.consent import store
from campaign.db.engine import read_session, transaction
from campaign.deliveries import approval, links, media
from campaign.deliveries import store as deliveries
from campaign.deliveries.approval import fingerprint
from campaign.deliveries.draft import Draft, RenderedPart, Target, loaded
from campaign.deliveries.findings import Analysis, Level, PlacedPart, Remark, with_price_warning
from campaign.deliveries.kind import Analysed, Files, Progress, Rendered, Sent
from campaign.deliveries.links import countable
from campaign.deliveries.templating import JOIN_LINK, BrokenTemplate, Fields, UnknownField, render
from campaign.errors import NotPossible, XError
from campaign.limits import rate_limits, spend_cap
from campaign.posts.analysis import analyse
from campaign.posts.documents import post_of, preview_of
from campaign.reporting.document import Document
from campaign.services.store import check_if_due
from campaign.settings import load_settings
from campaign.x import types
from campaign.x.gateway import current_price_warning, message_terms
from models import NO_VISITOR, ApiVersion, Delivery, Message, MessageState, Service, WindowName

if TYPE_CHECKING:
    from campaign.posts.publish import Steps

#: X refuses a text that an account posted so recently.
_RECENTLY = timedelta(hours=24)
_POST_ENDPOINTS = {ApiVersion.V2: "POST /2/tweets", ApiVersion.V1_1: "POST /1.1/statuses/update"}


def recent_texts(session: Session, service_id: int, since: datetime, but: Delivery) -> tuple[str, ...]:
    """Returns what other deliveries sent on an account since a moment, with the links as they were written."""
    sent = select(Message.text).where(
        col(Message.service_id) == service_id,
        col(Message.state) == MessageState.SENT,
        col(Message.settled_at) >= since,
        col(Message.delivery_id) != but.id,
    )
    return tuple(links.as_written(session, list(session.exec(sent))))


def daily_limits(session: Session, service: Service) -> tuple[int | None, int]:
    """Returns how many posts (None: X has not reported it) and messages may go out on a service in 24 hours."""
    days = {WindowName.USER_DAY, WindowName.APP_DAY}
    reported = rate_limits.windows_of(session, service, _POST_ENDPOINTS[service.api_version])
    by_x = message_terms(service.api_version).message_limits
    own = [service.daily_limit] if service.daily_limit else []
    posts = min((one.limit for one in reported if one.name in days), default=None)
    return posts, min([*own, *(limit for name, limit in by_x.items() if name in days)])


@dataclass(frozen=True, slots=True)
class RenderedPost(Rendered):
    """A post as it would go out now: every part on every account, and what could not be rendered."""

    targets: list[Target]
    placed: list[PlacedPart]
    remarks: list[Remark]

    @property
    def parts(self) -> list[RenderedPart]:
        """Returns the parts of all accounts that could be rendered."""
        return [one.rendered for one in self.placed]


def render_parts(
    draft: Draft, targets: Sequence[Target], files: Files, public_url: str = ""
) -> tuple[list[PlacedPart], list[Remark]]:
    """Returns the parts that can be rendered, account by account, and what is wrong with the others."""
    placed: list[PlacedPart] = []
    remarks: list[Remark] = []
    parts = draft.content.parts
    for target in targets:
        invitation = {JOIN_LINK: target.join_link} if draft.is_invitation else {}
        fields: Fields = {"service": dict(target.fields), **invitation}
        for number, part in enumerate(parts, start=1):
            try:
                text = render(part.text_for(target.internal_name), fields)
            except (UnknownField, BrokenTemplate) as error:
                code = "unknown_field" if isinstance(error, UnknownField) else "broken_template"
                sentence = str(error)
                rest = f"cannot be personalised: {sentence[:1].lower()}{sentence[1:]}"
                remarks.append(Remark(Level.ERROR, code, number, rest, target.internal_name))
                continue
            links = countable(text, draft.content.links, public_url, dict(target.fields))
            rendered = RenderedPart(
                service_id=target.service_id,
                part=number,
                text=text,
                files=loaded(part, files),
                poll=part.poll,
                reply_settings=draft.content.reply_settings,
                paid_partnership=draft.content.paid_partnership,
                made_with_ai=draft.content.made_with_ai,
                links=tuple(one.model_copy(update={"url": url}) for url, one in links.items()),
            )
            placed.append(PlacedPart(target, rendered, len(parts), len(part.media)))
    return placed, remarks


def render_post(name: str) -> RenderedPost:
    """Renders a post and reads its files, without analysing it; raises WrongUsage for an unknown name."""
    with read_session() as session:
        delivery = deliveries.named(session, name)
        draft, version = deliveries.draft_of(session, delivery), deliveries.version_of(session, delivery)
        services = deliveries.targets_of(session, delivery)
    items = [item for part in draft.content.parts for item in part.media]
    return _rendered(delivery, draft, services, version, media.load_all(items) if items else {})


def render_draft(draft: Draft, services: list[Service], proof: Service | None, saved: Delivery | None) -> RenderedPost:
    """Renders a post as it is being written, a new one or a saved one; of its files only those of the media library."""
    delivery = Delivery(
        id=saved.id if saved else 0,
        name=saved.name if saved else "",
        proofs=saved.proofs if saved else 0,
        proof_service_id=proof.id if proof else None,
        kind=draft.kind,
        is_invitation=draft.is_invitation,
        label=draft.label,
        content="",
        created_at=pendulum.now("UTC"),
    )
    items = [item for part in draft.content.parts for item in part.media if item.is_in_library]
    return _rendered(delivery, draft, services, "", media.load_all(items) if items else {})


def _rendered(delivery: Delivery, draft: Draft, services: list[Service], version: str, files: Files) -> RenderedPost:
    targets = [_target(service, delivery) for service in services]
    placed, remarks = render_parts(draft, targets, files, load_settings().public_url)
    rendered = [one.rendered for one in placed]
    digest = fingerprint(draft, rendered)
    return RenderedPost(delivery, draft, services, files, digest, version, targets, placed, remarks)


def analyse_post(post: RenderedPost) -> Analysis:
    """Finds what is wrong with a rendered post, what it costs and when it goes out; saves and sends nothing."""
    delivery, now = post.delivery, pendulum.now("UTC")
    with read_session() as session:
        targets = [
            replace(target, **_figures(session, service, delivery, now))
            for target, service in zip(post.targets, post.services, strict=True)
        ]
        service = session.get(Service, delivery.proof_service_id) if delivery.proof_service_id else None
        proof = replace(_target(service, delivery), **_figures(session, service, delivery, now)) if service else None
    by_id = {target.service_id: target for target in targets}
    return analyse(
        post.draft,
        targets,
        post.files,
        [replace(one, target=by_id[one.target.service_id]) for one in post.placed],
        post.remarks,
        proof=proof,
        proofs_sent=delivery.proofs,
        now=now,
        public_url=load_settings().public_url,
    )


def analyse_delivery(name: str, actor: str) -> Analysed[RenderedPost]:
    """Analyses a post and saves the result; accounts that were not checked for a day are checked first."""
    with read_session() as session:
        delivery = deliveries.named(session, name)
        proof = session.get(Service, delivery.proof_service_id) if delivery.proof_service_id else None
        services = [*deliveries.targets_of(session, delivery), *([proof] if proof else [])]
    for service in services:
        with suppress(XError, NotPossible):  # its problems are saved on its row, and found by the analysis
            check_if_due(service)
    rendered = render_post(name)
    analysed = Analysed(rendered, with_price_warning(analyse_post(rendered), current_price_warning()))
    with transaction() as session:
        approval.save_analysis(session, analysed, actor, pendulum.now("UTC"))
    return analysed


def as_analysed(name: str) -> Analysed[RenderedPost]:
    """Renders a post, with its last analysis if that was about the same fingerprint, otherwise with a new one."""
    post = render_post(name)
    return Analysed(post, analysis_of(post))


def analysis_of(post: RenderedPost) -> Analysis:
    """Returns the last analysis if it was about the same fingerprint; otherwise analyses, and saves nothing."""
    if post.delivery.analysis and post.delivery.analysed_fingerprint == post.fingerprint:
        return approval.saved_analysis(post.delivery, has_proof=bool(post.delivery.proofs))
    return analyse_post(post)


def _target(service: Service, delivery: Delivery) -> Target:
    name = service.x_name or service.label
    removed = "" if service.is_connected else f"The service {service.internal_name} has been removed."
    return Target(
        service_id=service.id,
        internal_name=service.internal_name,
        label=service.label,
        name=name,
        longest_post=service.longest_post,
        blocked_because=service.problems if service.blocked else removed,
        protected=service.protected,
        api_version=service.api_version.value,
        fields=(
            ("label", service.label),
            ("internal_name", service.internal_name),
            ("name", name),
            ("username", service.x_username or service.internal_name),
        ),
        join_link=store.join_link(service.internal_name, delivery.id, NO_VISITOR) if delivery.is_invitation else "",
    )


def _figures(session: Session, service: Service, delivery: Delivery, now: datetime) -> dict[str, Any]:
    """Returns what only an analysis needs: what the account posted lately, may spend, and when X allows posts."""
    return {
        "recent_texts": recent_texts(session, service.id, now - _RECENTLY, delivery),
        "left": spend_cap.left(session, service.id, now),
        "link_price": types.POST_WITH_LINK_CREATE.usd,
        "plain_price": types.POST_CREATE.usd,
        "upload_price": types.MEDIA_FINALIZE.usd,
        "alt_text_price": types.MEDIA_METADATA.usd,
        "deletion_price": types.POST_DELETE.usd,
        "open_at": rate_limits.calls_open_at(session, service.id, [_POST_ENDPOINTS[service.api_version]], now),
    }


def preview_document(analysed: Analysed[RenderedPost]) -> Document:
    """Makes the preview of the delivery: every part on every account as X will show it."""
    delivery, analysis = analysed.rendered.delivery, analysed.analysis
    times = {(one.service, one.part): one.at for one in analysis.timetable}
    posts = [
        post_of(
            one.target,
            one.rendered,
            parts=one.of,
            thumbnails=[media.thumbnail(file) for file in one.rendered.files],
            at=times.get((one.target.internal_name, one.rendered.part)),
        )
        for one in analysed.rendered.placed
    ]
    return preview_of(delivery.label or delivery.name, delivery.name, posts, analysis.cost, analysis.findings)


@dataclass
class PostKind:
    """Posts and threads; their `steps` run here and now, or as tasks of a Prefect run.

    What only sending needs is imported when a post is sent.
    """

    steps: "Steps | None" = None
    workflow: str = "post-publication/post-publication"
    shown_as: str = "as X will show it"

    def render(self, name: str) -> Rendered:
        return render_post(name)

    def analyse(self, name: str, actor: str) -> Analysed[RenderedPost]:
        return analyse_delivery(name, actor)

    def last_analysed(self, name: str) -> Analysed[RenderedPost]:
        return as_analysed(name)

    def preview(self, analysed: Analysed[RenderedPost]) -> Document:
        return preview_document(analysed)

    def can_be_proved(self, draft: Draft) -> bool:
        return bool(draft.proof_service)

    def send_proof(self, name: str, actor: str, *, like: str = "") -> Progress:  # noqa: ARG002  a post has no recipient
        from campaign.posts import publish

        return publish.send_proof(name, actor, self.steps or publish.DIRECT)

    def send(self, name: str, started_by: str, *, wait: bool) -> Sent:
        from campaign.posts import publish

        report, ends = publish.publish_delivery(name, started_by, wait=wait)
        return Sent(report, *publish.describe_outcome([(report, ends)], []))
