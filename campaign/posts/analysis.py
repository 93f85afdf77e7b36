"""What the analysis of a post finds: content, files, accounts, costs and proof. Pure."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from math import ceil
from unicodedata import category, normalize

from campaign.deliveries.draft import (
    MOST_PARTS,
    Draft,
    FileProblem,
    LoadedFile,
    Part,
    PollContent,
    Target,
)
from campaign.deliveries.findings import (
    Analysis,
    Finding,
    Level,
    PlacedPart,
    PlannedPost,
    Remark,
    date_findings,
    error,
    findings_of,
    in_one_line,
    info,
    invitation_findings,
    link_findings,
    missing_services,
    part_name,
    parts_name,
    timetable_findings,
    timetable_of,
    warning,
)
from campaign.deliveries.kind import Files
from campaign.formatting import listed, usd
from campaign.posts.render import loaded
from campaign.x.text import ORDINARY_POST, has_link, is_same_text, is_similar, spans, weigh
from campaign.x.types import MediaKind, ReplySettings
from models import ApiVersion, DeliveryKind

MOST_IMAGES = 4
"""docs.x.com/x-api/posts/create-post: one to four media_ids; only images go together."""
LONGEST_ANSWER = 25
"""docs.x.com/x-api/posts/create-post: a poll's options have 1 to 25 characters."""


def content_findings(draft: Draft, files: Files) -> Iterator[Finding]:
    """Everything that can be said without looking at an account."""
    parts = draft.content.parts
    if draft.kind is not DeliveryKind.POST:
        yield error("not_a_post", "The delivery is a broadcast of direct messages: analyse it as one.")
    if not parts:
        yield error("no_parts", "There is nothing to post: write a text.")
    if len(parts) > MOST_PARTS:
        yield error("too_many_parts", f"The thread has {len(parts)} parts: shorten it to {MOST_PARTS} at most.")
    yield from _file_findings(parts, files)
    yield from findings_of(_remarks(parts, files), len(parts))


def _file_findings(parts: Iterable[Part], files: Files) -> Iterator[Finding]:
    for source in dict.fromkeys(item.source for part in parts for item in part.media):
        file = files.get(source)
        if file is None:
            yield error("file_not_read", f"The file {source} was not looked at: analyse the delivery again.")
        elif isinstance(file, FileProblem):
            yield error(file.code, file.sentence)


def _remarks(parts: Iterable[Part], files: Files) -> Iterator[Remark]:
    for number, part in enumerate(parts, start=1):
        if _has_too_many_files(part, files):
            yield _wrong(
                "too_many_media", number, "has more files than X shows: four images, or one GIF, or one video."
            )
        if part.poll and part.media:
            yield _wrong("poll_with_media", number, "has a poll and a file: X shows only one of them, so remove one.")
        for code, rest in _poll_problems(part.poll) if part.poll else ():
            yield _wrong(code, number, rest)


def _wrong(code: str, number: int, rest: str) -> Remark:
    return Remark(Level.ERROR, code, number, rest)


def _has_too_many_files(part: Part, files: Files) -> bool:
    """Also told before every file could be read: what is too much does not become less."""
    has_moving = any(file.kind is not MediaKind.IMAGE for file in loaded(part, files))
    return len(part.media) > (1 if has_moving else MOST_IMAGES)


def _poll_problems(poll: PollContent) -> Iterator[tuple[str, str]]:
    answers = [option.strip() for option in poll.options]
    if "" in answers:
        yield "poll_answer_empty", "has a poll with an empty answer: write something, or remove it."
    for answer in answers:
        if len(answer) > LONGEST_ANSWER:
            rest = f"has the answer {answer!r}, which is {len(answer)} characters long: shorten it to {LONGEST_ANSWER}."
            yield "poll_answer_too_long", rest
    if len({answer.casefold() for answer in answers if answer}) < len([answer for answer in answers if answer]):
        yield "poll_answers_same", "has a poll with the same answer twice: change one of them."


_CHUNK_BYTES = 1_000_000
"""The size of a piece that files are sent in, see campaign.x.uploads."""


def price_of(one: PlacedPart) -> Decimal:
    """What X charges for the post itself: 13 times as much with a link (docs.x.com, pricing)."""
    return one.target.link_price if has_link(one.rendered.text) else one.target.plain_price


def cost_of(placed: Sequence[PlacedPart]) -> Decimal:
    """US dollars for all the parts, and the descriptions of their files."""
    described = sum(bool(file.alt_text) * target.alt_text_price for target, file in _uploads(placed))
    return sum(map(price_of, placed), Decimal(described))


def calls_of(placed: Sequence[PlacedPart]) -> int:
    """One call a post, and those that its files take; looking again how far X is with a video is not counted."""
    return len(placed) + sum(_calls_of_upload(file) for _, file in _uploads(placed))


def cost_findings(placed: Sequence[PlacedPart], targets: Sequence[Target]) -> Iterator[Finding]:
    """The cost by account, the calls, and which account may not spend as much."""
    for target in targets:
        parts = [one for one in placed if one.target is target]
        cost = cost_of(parts)
        if cost > target.left:
            yield _over_cap(target, cost)
        elif parts:
            yield info(
                "cost", f"On @{target.internal_name} it costs {usd(cost)} of {usd(target.left)} left this month."
            )
    if calls := calls_of(placed):
        yield info("calls", f"It takes {calls:,} call{'s' * (calls > 1)} of X's API.")


def _over_cap(target: Target, cost: Decimal) -> Finding:
    return error(
        "over_cap",
        f"On @{target.internal_name} it costs {usd(cost)}, and {usd(max(target.left, Decimal(0)))} of this month's"
        " spend cap is left: raise the spend cap of the service, wait for the next month, or make it cheaper.",
    )


def _uploads(placed: Sequence[PlacedPart]) -> list[tuple[Target, LoadedFile]]:
    """Each file once per account and description: X keeps it for the other parts."""
    return list(
        {
            (one.target.service_id, file.sha256, file.alt_text): (one.target, file)
            for one in placed
            for file in one.rendered.files
        }.values()
    )


def _calls_of_upload(file: LoadedFile) -> int:
    """Announce, pieces, end; a look at X's work on what moves; the description (docs.x.com/x-api/media)."""
    return 2 + ceil(file.size / _CHUNK_BYTES) + (file.kind is not MediaKind.IMAGE) + bool(file.alt_text)


_LINE_CHARACTERS = frozenset("\n\r\t")
# twitter-text's invalid characters: byte order marks and what is no character at all.
_NO_CHARACTERS = frozenset("\ufeff\ufffe\uffff")


def part_errors(placed: Sequence[PlacedPart]) -> Iterator[Remark]:
    """What X would refuse of the rendered parts, account by account."""
    for one in placed:
        for code, rest in (*_text_problems(one), *_version_problems(one)):
            yield Remark(Level.ERROR, code, one.rendered.part, rest, one.target.internal_name)
    yield from _duplicates(placed)


def longest_post(target: Target) -> int:
    """What a post of the account may weigh: with API v1.1 never more than an ordinary one, whatever it subscribed."""
    return ORDINARY_POST if target.api_version == ApiVersion.V1_1 else target.longest_post


def _text_problems(one: PlacedPart) -> Iterator[tuple[str, str]]:
    text = one.rendered.text
    if not text.strip() and not one.wanted_files:
        yield "empty_text", "has no text: write one, or add a file."
    wrong = next(filter(_is_control, text), None)
    if wrong is not None:
        yield (
            "control_character",
            f"has an invisible character that X refuses, U+{ord(wrong):04X}: write the text anew.",
        )
    weight, limit = weigh(text), longest_post(one.target)
    if weight > limit:
        yield (
            "too_long",
            f"weighs {weight:,} as X counts, {weight - limit:,} more than the {limit:,} allowed: shorten it.",
        )


def _is_control(character: str) -> bool:
    is_invisible = category(character) in {"Cc", "Cs"} and character not in _LINE_CHARACTERS
    return is_invisible or character in _NO_CHARACTERS


def _version_problems(one: PlacedPart) -> Iterator[tuple[str, str]]:
    """What only API v2 can do, see campaign.x.v1_posts."""
    if one.target.api_version != ApiVersion.V1_1:
        return
    remedy = "which X's API v1.1 does not know: set the service's API version to 2, or remove it."
    if one.rendered.poll:
        yield "poll_on_v1", f"has a poll, {remedy}"
    if one.rendered.reply_settings:
        yield "reply_settings_on_v1", f"says who may answer, {remedy}"
    if one.rendered.paid_partnership:
        yield "paid_partnership_on_v1", f"is marked as a paid partnership, {remedy}"


def _duplicates(placed: Sequence[PlacedPart]) -> Iterator[Remark]:
    """X refuses a text that the account has just posted (403, "duplicate content")."""
    for one in placed:
        earlier = next((other.rendered.part for other in _before(one, placed) if _is_same(one, other)), None)
        if earlier:
            rest = f"says the same as {part_name(earlier, one.of)}, which X refuses: change one of them."
            yield Remark(Level.ERROR, "duplicate_parts", one.rendered.part, rest, one.target.internal_name)


def _before(one: PlacedPart, placed: Iterable[PlacedPart]) -> Iterator[PlacedPart]:
    for other in placed:
        if other.target is one.target and other.rendered.part < one.rendered.part:
            yield other


def _is_same(one: PlacedPart, other: PlacedPart) -> bool:
    return bool(one.rendered.text.strip()) and is_same_text(one.rendered.text, other.rendered.text)


def proof_warnings(proof: Target | None, proofs_sent: int, placed: Sequence[PlacedPart]) -> Iterator[Finding]:
    """What is missing until somebody has seen the delivery as X shows it."""
    if proof is None:
        yield warning("no_proof_service", "No proof can be sent: choose a proof service with a protected account.")
        return
    name = proof.internal_name
    if not proof.protected:
        yield warning(
            "proof_not_protected",
            f"Proofs sent to @{name} are public; protect its posts on X (Privacy and safety, Audience and tagging),"
            " then check the service.",
        )
    yield from _hindrances(proof, placed)
    if proof.blocked_because:
        yield warning("proof_blocked", f"No proof can be sent to @{name}: {in_one_line(proof.blocked_because)}")
    elif not proofs_sent:
        yield warning("no_proof_sent", f"No proof was sent yet: send one to @{name} and look at it on X.")


def _hindrances(proof: Target, placed: Sequence[PlacedPart]) -> Iterator[Finding]:
    """What goes out on the first account and cannot go out on the proof's, which shows what that one gets."""
    shown = [one for one in placed if one.target is placed[0].target]
    proofs = [replace(one, target=proof) for one in shown]
    own = {(error.code, error.part) for error in part_errors(shown)}
    others = (error for error in part_errors(proofs) if (error.code, error.part) not in own)
    remarks = [replace(error, level=Level.WARNING, code=f"proof_{error.code}") for error in others]
    yield from findings_of(remarks, len(shown))
    cost = cost_of(proofs)
    if cost > proof.left:
        left = f"{usd(cost)}, and {usd(max(proof.left, Decimal(0)))} of this month's spend cap is left"
        yield warning(
            "proof_over_cap", f"A proof on @{proof.internal_name} costs {left}: raise its cap, or go without."
        )


_TAGS = "a|b|i|u|p|s|em|br|hr|h[1-6]|ul|ol|li|div|span|strong|img|font|table|tr|td|center|style|script"
_HTML = re.compile(
    rf"</?(?:{_TAGS})(?:\s+[a-z-]+\s*=[^<>]*)?\s*/?>|&(?:amp|lt|gt|quot|apos|nbsp|#\d+|#x[0-9a-f]+);", re.IGNORECASE
)


def part_warnings(placed: Sequence[PlacedPart]) -> Iterator[Remark]:
    """What a person should look at in each part."""
    for one in placed:
        for code, rest in (*_html(one), *_links(one), *_cashtags(one), *_undescribed(one), *_recently(one)):
            yield Remark(Level.WARNING, code, one.rendered.part, rest, one.target.internal_name)


def likeness_warnings(placed: Sequence[PlacedPart]) -> Iterator[Finding]:
    """Parts that say nearly the same on several accounts; one finding for the same accounts."""
    parts: dict[tuple[str, ...], list[int]] = {}
    by_part = sorted(placed, key=lambda one: one.rendered.part)
    for part, group in groupby(by_part, key=lambda one: one.rendered.part):
        if names := _alike(list(group)):
            parts.setdefault(names, []).append(part)
    for names, numbers in parts.items():
        yield warning(
            "same_text_to_several",
            f"{listed(names)} say nearly the same in {parts_name(numbers, placed[0].of)}, which X forbids across"
            " accounts: write a text for each, or choose one account.",
        )


def _html(one: PlacedPart) -> Iterator[tuple[str, str]]:
    if found := _HTML.search(one.rendered.text):
        yield "html", f"has HTML in it ({found[0]}), which X shows as it is written: write plain text."


def _links(one: PlacedPart) -> Iterator[tuple[str, str]]:
    price, plain = price_of(one), one.target.plain_price
    if price == plain:
        return
    links = (span.text for span in spans(normalize("NFC", one.rendered.text)) if span.kind == "link")
    times = f", {round(price / plain)} times as much" if plain > 0 else ""
    rest = f"has a link ({next(links)}) and costs {usd(price)} instead of {usd(plain)}{times}: remove it to save that."
    yield "link", rest


def _cashtags(one: PlacedPart) -> Iterator[tuple[str, str]]:
    """At most one for self-serve keys (docs.x.com/x-api/posts/create-post)."""
    tags = [span.text for span in spans(one.rendered.text) if span.kind == "cashtag"]
    if len(tags) > 1:
        yield "several_cashtags", f"has {len(tags)} cashtags ({', '.join(tags)}): X takes one, so remove the others."


def _undescribed(one: PlacedPart) -> Iterator[tuple[str, str]]:
    for file in one.rendered.files:
        if file.kind is MediaKind.IMAGE and not file.alt_text.strip():
            yield "no_alt_text", f"shows {file.source} without alternative text: say what it shows."


def _recently(one: PlacedPart) -> Iterator[tuple[str, str]]:
    text = one.rendered.text
    if text.strip() and any(is_same_text(text, earlier) for earlier in one.target.recent_texts):
        yield "same_text_recently", "says what was posted there in the last 24 hours: X refuses that, so change it."


def _alike(ones: Sequence[PlacedPart]) -> tuple[str, ...]:
    """The accounts whose text is nearly that of another one."""
    names: list[str] = []
    for number, one in enumerate(ones):
        for other in ones[:number]:
            if one.rendered.text.strip() and is_similar(one.rendered.text, other.rendered.text):
                names += (other.target.internal_name, one.target.internal_name)
                break
    return tuple(dict.fromkeys(names))


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
    placed: Sequence[PlacedPart],
    remarks: Sequence[Remark],
    *,
    proof: Target | None,
    proofs_sent: int,
    now: datetime,
    public_url: str = "",
) -> Analysis:
    """Finds what is wrong with the rendered parts, what they cost, and when each goes out.

    `remarks` are about the parts that could not be rendered. `recent_texts` of a target are those of other deliveries:
    what this one posted already is no duplicate of itself. Without a `public_url` no link is replaced by a counted one.
    """
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
    return Analysis(
        findings=sorted(findings, key=lambda one: _ORDER.index(one.level)),
        messages=len(placed),
        calls=calls_of(placed),
        cost=cost_of(placed),
        timetable=planned,
        ends_at=max((post.at for post in planned), default=None),
    )


def _target_findings(draft: Draft, targets: Sequence[Target], proof: Target | None) -> Iterator[Finding]:
    missing = missing_services(draft, [target.internal_name for target in targets])
    yield from missing
    if not missing and not targets:
        yield error("no_target", "The delivery goes to no account: choose a service.")
    for target in targets:
        if target.blocked_because:
            yield error(
                "target_blocked",
                f"Nothing can go out on @{target.internal_name}: {in_one_line(target.blocked_because)}",
            )
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
