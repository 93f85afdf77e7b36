"""The analysis of a post: its content, files, accounts, costs and proof. Pure."""

import re
from collections.abc import Iterator, Sequence
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
    PollContent,
    Target,
    loaded,
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
from campaign.x.text import ORDINARY_POST, has_link, is_blank, is_same_text, is_similar, spans, weigh
from campaign.x.types import MediaKind, ReplySettings
from models import ApiVersion, DeliveryKind

MOST_IMAGES = 4
"""docs.x.com/x-api/posts/create-post: one to four media_ids; only images go together."""
MOST_MINUTES, MOST_MINUTES_OF_PREMIUM = 20, 125
"""Of a video in a post, without and with X Premium."""
WIDEST_VIDEO, HIGHEST_VIDEO = 1_280, 1_024
"""Either way round; subscribers may upload 1080p."""
LONGEST_ANSWER = 25
"""docs.x.com/x-api/posts/create-post: a poll's options have 1 to 25 characters."""


def content_findings(draft: Draft, files: Files) -> Iterator[Finding]:
    """Yields what is wrong with the content, whatever the account."""
    parts = draft.content.parts
    if draft.kind is not DeliveryKind.POST:
        yield error("not_a_post", "The delivery is a broadcast of direct messages: analyse it as one.")
    if not parts:
        yield error("no_parts", "There is nothing to post: write a text.")
    if len(parts) > MOST_PARTS:
        yield error("too_many_parts", f"The thread has {len(parts)} parts: shorten it to {MOST_PARTS} at most.")
    for source in dict.fromkeys(item.source for part in parts for item in part.media):
        file = files.get(source)
        if file is None:
            yield error("file_not_read", f"The file {source} was not read: analyse the delivery again.")
        elif isinstance(file, FileProblem):
            yield error(file.code, file.sentence)
    yield from findings_of(_content_remarks(draft, files), len(parts))


def _content_remarks(draft: Draft, files: Files) -> Iterator[Remark]:
    accounts = {name.lower() for name in draft.services}
    for number, part in enumerate(draft.content.parts, start=1):
        if others := listed(sorted(part.own_texts.keys() - accounts)):
            rest = f"has a text for {others}, where it does not go out: remove the text, or add the account."
            yield Remark(Level.WARNING, "text_for_other", number, rest)
        # Also where not every file could be read: too many files stay too many.
        has_moving = any(file.kind is not MediaKind.IMAGE for file in loaded(part, files))
        problems = _poll_problems(part.poll) if part.poll else []
        if part.poll and part.media:
            problems = [
                ("poll_with_media", "has a poll and a file: X shows only one of them, so remove one."),
                *problems,
            ]
        if len(part.media) > (1 if has_moving else MOST_IMAGES):
            rest = "has more files than X shows: four images, or one GIF, or one video."
            problems = [("too_many_media", rest), *problems]
        for code, rest in problems:
            yield Remark(Level.ERROR, code, number, rest)


def _poll_problems(poll: PollContent) -> list[tuple[str, str]]:
    answers = ["" if is_blank(option) else option.strip() for option in poll.options]
    problems = []
    if "" in answers:
        rest = "has a poll with an empty answer: write something, or remove it."
        problems.append(("poll_answer_empty", rest))
    for answer in answers:
        if len(answer) > LONGEST_ANSWER:
            rest = f"has the answer {answer!r}, which is {len(answer)} characters long: shorten it to {LONGEST_ANSWER}."
            problems.append(("poll_answer_too_long", rest))
    written = [answer.casefold() for answer in answers if answer]
    if len(set(written)) < len(written):
        problems.append(("poll_answers_same", "has a poll with the same answer twice: change one of them."))
    return problems


_CHUNK_BYTES = 1_000_000
"""The size of a piece that files are sent in, see campaign.x.uploads."""


def price_of(one: PlacedPart) -> Decimal:
    """Returns what X charges for the post itself: 13 times as much with a link (docs.x.com, pricing)."""
    return one.target.link_price if has_link(one.rendered.text) else one.target.plain_price


def cost_of(placed: Sequence[PlacedPart]) -> Decimal:
    """Returns US dollars for all the parts, their files and the descriptions of these."""
    files = sum(
        target.upload_price + bool(file.alt_text) * target.alt_text_price for target, file in _uploads(placed).values()
    )
    return sum(map(price_of, placed), Decimal(files))


def _part_costs(placed: Sequence[PlacedPart]) -> Iterator[Remark]:
    """Yields what each part with files or a poll costs; a file is paid with the first part that shows it."""
    uploads = _uploads(placed)
    for one in placed:
        own = [file for first, (_, file) in uploads.items() if first[:2] == (one.target.service_id, one.rendered.part)]
        described = sum(bool(file.alt_text) for file in own)
        pieces = [
            f"the post {usd(price_of(one))}",
            f"{len(own):,} file{'s' * (len(own) > 1)} {usd(len(own) * one.target.upload_price)}" if own else "",
            f"alternative text {usd(described * one.target.alt_text_price)}" if described else "",
            "its poll nothing" if one.rendered.poll else "",
        ]
        if one.rendered.files or one.rendered.poll:
            total = price_of(one) + len(own) * one.target.upload_price + described * one.target.alt_text_price
            later = f"deleting it later {usd(one.target.deletion_price)}"
            rest = f"costs {usd(total)}: {', '.join(filter(None, pieces))}; {later}."
            yield Remark(Level.INFO, "part_cost", one.rendered.part, rest, one.target.internal_name)


def calls_of(placed: Sequence[PlacedPart]) -> int:
    """Counts a call a post, and those of its files; asking again whether X is done with a video is not counted.

    A file takes its announcement, its pieces, its end, a question whether X is done with a GIF or a video, and its
    description (docs.x.com/x-api/media).
    """
    return len(placed) + sum(
        2 + ceil(file.size / _CHUNK_BYTES) + (file.kind is not MediaKind.IMAGE) + bool(file.alt_text)
        for _, file in _uploads(placed).values()
    )


def cost_findings(placed: Sequence[PlacedPart], targets: Sequence[Target]) -> Iterator[Finding]:
    """Yields the cost by account, the calls, and which account may not spend as much."""
    for target in targets:
        parts = [one for one in placed if one.target is target]
        cost = cost_of(parts)
        if cost > target.left:
            yield error(
                "over_cap",
                f"On @{target.internal_name} it costs {usd(cost)}, and {usd(max(target.left, Decimal(0)))} of this"
                " month's spend cap is left: raise the spend cap of the service, wait for the next month, or make it"
                " cheaper.",
            )
        elif parts:
            yield info(
                "cost", f"On @{target.internal_name} it costs {usd(cost)} of {usd(target.left)} left this month."
            )
    if calls := calls_of(placed):
        yield info("calls", f"It takes {calls:,} call{'s' * (calls > 1)} of X's API.")


def _uploads(placed: Sequence[PlacedPart]) -> dict[tuple[int, int, str, str], tuple[Target, LoadedFile]]:
    """Returns each file once per account and description, by account, first part, SHA-256 and description.

    X stores it for the other parts.
    """
    uploads: dict[tuple[int, int, str, str], tuple[Target, LoadedFile]] = {}
    known = set[tuple[int, str, str]]()
    for one in placed:
        for file in one.rendered.files:
            key = one.target.service_id, file.sha256, file.alt_text
            if key not in known:
                known.add(key)
                uploads[one.target.service_id, one.rendered.part, *key[1:]] = one.target, file
    return uploads


_LINE_CHARACTERS = frozenset("\n\r\t")
# twitter-text's invalid characters: byte order marks and what is no character at all.
_NO_CHARACTERS = frozenset("\ufeff\ufffe\uffff")


def part_errors(placed: Sequence[PlacedPart]) -> Iterator[Remark]:
    """Yields what X would refuse of the rendered parts, account by account."""
    for one in placed:
        for code, rest in (*_text_problems(one), *_video_problems(one), *_version_problems(one)):
            yield Remark(Level.ERROR, code, one.rendered.part, rest, one.target.internal_name)
    for one in placed:
        # X refuses a text that the account has just posted (403, "duplicate content").
        text, number = one.rendered.text, one.rendered.part
        before = (other.rendered for other in placed if other.target is one.target and other.rendered.part < number)
        earlier = next((other.part for other in before if not is_blank(text) and is_same_text(text, other.text)), None)
        if earlier:
            rest = f"says the same as {part_name(earlier, one.of)}, which X refuses: change one of them."
            yield Remark(Level.ERROR, "duplicate_parts", number, rest, one.target.internal_name)


def longest_post(target: Target) -> int:
    """Returns the weight that a post of the account may have: with API v1.1 always that of an ordinary one."""
    return ORDINARY_POST if target.api_version == ApiVersion.V1_1 else target.longest_post


def _text_problems(one: PlacedPart) -> Iterator[tuple[str, str]]:
    text = one.rendered.text
    if is_blank(text) and not one.wanted_files:
        yield "empty_text", "has no text: write one, or add a file."
    controls = (letter for letter in text if category(letter) in {"Cc", "Cs"} and letter not in _LINE_CHARACTERS)
    wrong = next(controls, None) or next((letter for letter in text if letter in _NO_CHARACTERS), None)
    if wrong:
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


def _is_premium(target: Target) -> bool:
    return target.longest_post > ORDINARY_POST


def _video_problems(one: PlacedPart) -> Iterator[tuple[str, str]]:
    """Yields the videos that are too long for the account (docs.x.com/x-api/media/quickstart/best-practices)."""
    minutes = MOST_MINUTES_OF_PREMIUM if _is_premium(one.target) else MOST_MINUTES
    for file in one.rendered.files:
        if file.seconds > minutes * 60:
            length = f"shows {file.source}, which takes {ceil(file.seconds / 60):,} minutes"
            yield "video_too_long", f"{length}, and X takes {minutes} of the account: cut it."


def _version_problems(one: PlacedPart) -> Iterator[tuple[str, str]]:
    """Yields what only API v2 can do, see campaign.x.v1."""
    if one.target.api_version != ApiVersion.V1_1:
        return
    remedy = "which X's API v1.1 does not know: set the service's API version to 2, or remove it."
    if one.rendered.poll:
        yield "poll_on_v1", f"has a poll, {remedy}"
    if one.rendered.reply_settings:
        yield "reply_settings_on_v1", f"says who may answer, {remedy}"
    if one.rendered.paid_partnership:
        yield "paid_partnership_on_v1", f"is marked as a paid partnership, {remedy}"
    if one.rendered.made_with_ai:
        yield "made_with_ai_on_v1", f"is marked as made with AI, {remedy}"


def proof_warnings(proof: Target | None, proofs_sent: int, placed: Sequence[PlacedPart]) -> Iterator[Finding]:
    """Yields what is missing until a person has seen the delivery as X shows it."""
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
    # What can go out on the first account may not on the proof's, which shows what the first one gets.
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
    if proof.blocked_because:
        yield warning("proof_blocked", f"No proof can be sent to @{name}: {in_one_line(proof.blocked_because)}")
    elif not proofs_sent:
        yield warning("no_proof_sent", f"No proof was sent yet: send one to @{name} and look at it on X.")


_TAGS = "a|b|i|u|p|s|em|br|hr|h[1-6]|ul|ol|li|div|span|strong|img|font|table|tr|td|center|style|script"
_HTML = re.compile(
    rf"</?(?:{_TAGS})(?:\s+[a-z-]+\s*=[^<>]*)?\s*/?>|&(?:amp|lt|gt|quot|apos|nbsp|#\d+|#x[0-9a-f]+);", re.IGNORECASE
)


def _part_warnings(one: PlacedPart) -> Iterator[tuple[str, str]]:
    """Yields what a person should check in a part."""
    text, price, plain = one.rendered.text, price_of(one), one.target.plain_price
    if found := _HTML.search(text):
        yield "html", f"has HTML in it ({found[0]}), which X shows as it is written: write plain text."
    if price != plain:
        link = next(span.text for span in spans(normalize("NFC", text)) if span.kind == "link")
        times = f", {round(price / plain)} times as much" if plain > 0 else ""
        yield (
            "link",
            f"has a link ({link}) and costs {usd(price)} instead of {usd(plain)}{times}: remove it to save that.",
        )
    # Since 2026-02-23 self-serve apps may not name accounts that did not engage first.
    own = f"@{one.target.internal_name}".lower()
    names = list(
        dict.fromkeys(span.text for span in spans(text) if span.kind == "mention" and span.text.lower() != own)
    )
    if names:
        remedy = "unless the account wrote to you first, so leave the name out where it did not."
        yield "mentions", f"names {listed([name[1:] for name in names])}: X refuses that to self-serve apps {remedy}"
    # At most one for self-serve keys (docs.x.com/x-api/posts/create-post).
    tags = [span.text for span in spans(text) if span.kind == "cashtag"]
    if len(tags) > 1:
        yield "several_cashtags", f"has {len(tags)} cashtags ({', '.join(tags)}): X takes one, so remove the others."
    for file in one.rendered.files:
        if file.kind is MediaKind.IMAGE and is_blank(file.alt_text):
            yield "no_alt_text", f"shows {file.source} without alternative text: say what it shows."
        is_wide = max(file.width, file.height) > WIDEST_VIDEO or min(file.width, file.height) > HIGHEST_VIDEO
        if file.kind is MediaKind.VIDEO and is_wide and not _is_premium(one.target):
            most = f"X names {WIDEST_VIDEO:,} x {HIGHEST_VIDEO:,} as the most for accounts without X Premium"
            yield (
                "large_video",
                f"shows {file.source} of {file.width:,} x {file.height:,} pixels, and {most}: make it smaller.",
            )
    if not is_blank(text) and any(is_same_text(text, earlier) for earlier in one.target.recent_texts):
        yield "same_text_recently", "says what was posted there in the last 24 hours: X refuses that, so change it."


def _likeness_warnings(placed: Sequence[PlacedPart]) -> Iterator[Finding]:
    """Yields the parts that say nearly the same on several accounts; one finding for the same accounts."""
    parts: dict[tuple[str, ...], list[int]] = {}
    by_part = sorted(placed, key=lambda one: one.rendered.part)
    for part, group in groupby(by_part, key=lambda one: one.rendered.part):
        ones = [one for one in group if one.rendered.text.strip()]
        names = list[str]()
        for number, one in enumerate(ones):
            text = one.rendered.text
            other = next((other for other in ones[:number] if is_similar(text, other.rendered.text)), None)
            names += [other.target.internal_name, one.target.internal_name] if other else []
        if names:
            parts.setdefault(tuple(dict.fromkeys(names)), []).append(part)
    for accounts, numbers in parts.items():
        yield warning(
            "same_text_to_several",
            f"{listed(accounts)} say nearly the same in {parts_name(numbers, placed[0].of)}, which X forbids across"
            " accounts: write a text for each, or choose one account.",
        )


__all__ = ["Analysis", "Finding", "Level", "PlannedPost", "analyse"]

_ORDER = [Level.ERROR, Level.WARNING, Level.INFO]
_WHO_MAY_ANSWER = {
    None: "Everyone may answer.",
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
    warnings = [
        Remark(Level.WARNING, code, one.rendered.part, rest, one.target.internal_name)
        for one in placed
        for code, rest in _part_warnings(one)
    ]
    of = len(draft.content.parts)
    findings = [
        *content_findings(draft, files),
        *invitation_findings(draft, placed),
        *_target_findings(draft, targets, proof),
        *findings_of([*remarks, *part_errors(placed), *warnings], of),
        *_likeness_warnings(placed),
        *link_findings(draft, [one.rendered.text for one in placed], public_url),
        *proof_warnings(proof, proofs_sent, placed),
        *date_findings(draft, now),
        *cost_findings(placed, targets),
        *findings_of(_part_costs(placed), of),
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
