"""The result of an analysis: findings, figures and samples; and findings on links and dates. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict

from campaign.deliveries.draft import Draft, RenderedPart, Target
from campaign.deliveries.links import countable, cut_links, personal
from campaign.formatting import listed, without_remarks


class Level(StrEnum):
    """How serious a finding is."""

    INFO = "info"
    WARNING = "warning"
    """A person should check it; a semi-automatic delivery waits for one."""
    ERROR = "error"
    """Nothing can go out before it is corrected."""


class _Plain(BaseModel):
    """Unchangeable; as JSON with `model_dump_json` and `model_validate_json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Finding(_Plain):
    """One result of an analysis: a stable code, and one sentence that says what to do."""

    level: Level
    code: str
    sentence: str
    part: int = 0
    """The part that it is about; 0 is all of the delivery."""


class PlannedPost(_Plain):
    """When a part goes out on a service (by internal name), as far as that is known now."""

    service: str
    part: int
    at: datetime


class Sample(_Plain):
    """A message as one person will receive it; `why` is shortest, longest, random or chosen."""

    why: str
    service: str
    handle: str
    full_name: str
    text: str


class WavePlan(_Plain):
    """One wave of a broadcast on a service (by internal name), as far as its times are known now."""

    service: str
    number: int
    recipients: int
    begins_at: datetime
    ends_at: datetime


class Analysis(_Plain):
    """All findings, how many messages and calls of X's API, US dollars, and the timetable."""

    findings: list[Finding] = []
    messages: int = 0
    calls: int = 0
    cost: Decimal = Decimal(0)
    timetable: list[PlannedPost] = []
    ends_at: datetime | None = None
    """When the last part is out."""
    targeted: int = 0
    """People in the target of a broadcast, excluded ones among them."""
    excluded: dict[str, int] = {}
    """How many of them are excluded, by ExclusionReason."""
    unconsented: int = 0
    """Recipients who never agreed to be written to: a person has to accept exactly that number."""
    agreed: int | None = None
    """Recipients who agreed; None for a post and for what an earlier version analysed."""
    wrote_first: int | None = None
    """Recipients who only wrote first, which is no consent to marketing."""
    samples: list[Sample] = []
    waves: list[WavePlan] = []

    @property
    def consent_sentence(self) -> str:
        """Describes the recipients who never agreed: 7 recipients who never agreed (5 of them only wrote first)."""
        neither = self.messages - (self.agreed or 0) - (self.wrote_first or 0)
        first = self.unconsented - neither if self.agreed is not None else 0
        of_them = f" ({first:,} of them only wrote first)" if first > 0 else ""
        return f"{self.unconsented:,} recipient{'s' * (self.unconsented != 1)} who never agreed{of_them}"

    @property
    def errors(self) -> list[Finding]:
        """Returns the findings that have to be corrected first."""
        return [finding for finding in self.findings if finding.level is Level.ERROR]

    @property
    def warnings(self) -> list[Finding]:
        """Returns the findings that a person should check."""
        return [finding for finding in self.findings if finding.level is Level.WARNING]

    @property
    def is_ok(self) -> bool:
        """Returns whether it may go out."""
        return not self.errors

    @property
    def has_warnings(self) -> bool:
        """Returns whether a person should check it first."""
        return bool(self.warnings)


def error(code: str, sentence: str) -> Finding:
    """Returns a finding that has to be corrected."""
    return Finding(level=Level.ERROR, code=code, sentence=sentence)


def warning(code: str, sentence: str) -> Finding:
    """Returns a finding that a person should check."""
    return Finding(level=Level.WARNING, code=code, sentence=sentence)


def info(code: str, sentence: str) -> Finding:
    """Returns a finding that is good to know."""
    return Finding(level=Level.INFO, code=code, sentence=sentence)


def with_price_warning(analysis: Analysis, sentence: str) -> Analysis:
    """Returns the analysis with a warning that its costs are calculated with old prices; empty for none."""
    found = [warning("prices_changed", sentence)] if sentence else []
    return analysis.model_copy(update={"findings": [*analysis.findings, *found]})


@dataclass(frozen=True, slots=True)
class PlacedPart:
    """A part as it goes out on an account; `of` parts in all."""

    target: Target
    rendered: RenderedPart
    of: int
    wanted_files: int = 0
    """How many it should have, also those that cannot be sent."""


@dataclass(frozen=True, slots=True)
class Remark:
    """A finding about a part; `rest` goes on after "Part 2 of 3 on @acme", `account` is empty for all."""

    level: Level
    code: str
    part: int
    rest: str
    account: str = ""


def findings_of(remarks: Iterable[Remark], of: int) -> list[Finding]:
    """Returns findings, in the order of their first remark; those that differ only in the account become one."""
    accounts: dict[Remark, list[str]] = {}
    for remark in remarks:
        key = Remark(remark.level, remark.code, remark.part, remark.rest)
        accounts.setdefault(key, []).append(remark.account)
    findings = []
    for key, names in accounts.items():
        name = part_name(key.part, of)
        where = f"{name[0].upper()}{name[1:]}"
        if listed_names := listed([*dict.fromkeys(filter(None, names))]):
            where += f" on {listed_names}"
        findings.append(Finding(level=key.level, code=key.code, sentence=f"{where} {key.rest}", part=key.part))
    return findings


def part_name(part: int, of: int) -> str:
    """Returns the name of a part: part 2 of 3, or the post when it is the only one."""
    return f"part {part} of {of}" if of > 1 else "the post"


def parts_name(parts: Sequence[int], of: int) -> str:
    """Returns the name of several parts: parts 1, 2 and 3 of 3."""
    if len(parts) == 1:
        return part_name(parts[0], of)
    return f"parts {', '.join(map(str, parts[:-1]))} and {parts[-1]} of {of}"


def missing_services(draft: Draft, known: Iterable[str]) -> list[Finding]:
    """Finds the services that a delivery names and that are not among those known."""
    names = {name.casefold() for name in known}
    missing = [name for name in draft.services if name.casefold() not in names]
    if not missing:
        return []
    return [error("unknown_service", f"There is no service {listed(missing)}: choose another, or connect it again.")]


def in_one_line(blocked_because: str) -> str:
    """Returns why an account is blocked in one line: a service's problems are saved one a line."""
    return " ".join(blocked_because.split())


def link_findings(draft: Draft, texts: Sequence[str], public_url: str) -> Iterator[Finding]:
    """Yields which clicks are not counted, and why; `texts` go out as they are, or are personalised."""
    named, written = (
        [one.url for one in draft.content.links],
        [without_remarks(text) for part in draft.content.parts for text in part.texts],
    )
    if missing := [url for url in named if not any(url in text for text in written)]:
        yield warning(
            "link_not_in_text",
            f"The text has no link {_listed(missing)}: write it among the links as it is in the text, or remove it.",
        )
    for url, letter in dict.fromkeys(found for text in texts for found in cut_links(without_remarks(text))):
        yield warning(
            "link_cut",
            f"The link {url} ends before {letter!r}, which X takes for no part of it: write {quote(letter)} instead of"
            f" {letter!r} if it belongs to the link (percent-encoded), or a space before it.",
        )
    is_counted = draft.tracking and public_url
    if not is_counted and any(countable(text, draft.content.links, public_url) for text in texts):
        if not draft.tracking:
            yield info("not_tracked", "Clicks on its links are not counted: tracking is off.")
        else:
            yield info(
                "no_public_url",
                "Clicks on its links are not counted: set CAMPAIGN_PUBLIC_URL to the address at which the world sees"
                " `campaign web`.",
            )
    if is_counted:
        beginnings = list(dict.fromkeys(url for text in texts for url in personal(text, public_url)))
        if beginnings:
            yield info(
                "personal_link",
                f"Clicks on {_listed(beginnings)} are not counted: the address has fields of the person in it. Take"
                " them out to count its clicks.",
            )


def _listed(urls: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(urls[:-1]), *urls[-1:]]))


NO_PUBLIC_ADDRESS = (
    "The link of the invitation cannot be opened yet: set CAMPAIGN_PUBLIC_URL to the address at which the world sees"
    " `campaign web`."
)
NO_JOIN_LINK = "The invitation has no link: write {{ join_link }} where people should click."


def invitation_findings(draft: Draft, placed: Sequence[PlacedPart]) -> Iterator[Finding]:
    """Yields why an invitation invites no one; nothing for other posts."""
    if not draft.is_invitation or not placed:
        return
    if any(not one.target.join_link for one in placed):
        yield error("no_public_address", NO_PUBLIC_ADDRESS)
        return
    inviting = {one.target.internal_name for one in placed if one.target.join_link in one.rendered.text}
    silent = [name for name in dict.fromkeys(one.target.internal_name for one in placed) if name not in inviting]
    if silent:
        yield error("no_join_link", f"On {listed(silent)}: {NO_JOIN_LINK[0].lower()}{NO_JOIN_LINK[1:]}")


PAST_ALLOWED = timedelta(minutes=5)
"""A contact date that passes while the delivery is checked is as good as now."""
FURTHEST = timedelta(days=366)
LONGEST_VALIDITY = 60
"""Days, as in Adobe Campaign's *Resources validity limit*."""

_STEP = timedelta(seconds=1)
"""About what one call takes; the parts of a thread follow each other."""
_WINDOW, _POSTS_A_WINDOW = timedelta(minutes=15), 100
"""docs.x.com, rate limits of POST /2/tweets, per user."""


def date_findings(draft: Draft, now: datetime) -> Iterator[Finding]:
    """Yields what is wrong with the contact date and the validity."""
    date = draft.contact_date
    if not 1 <= draft.validity_days <= LONGEST_VALIDITY:
        days = draft.validity_days
        yield error("validity", f"The validity is {days} days: set it to 1 at least and {LONGEST_VALIDITY} at most.")
    if date is None:
        return
    if date.tzinfo is None:
        yield error("contact_date_without_zone", "The contact date has no time zone: write one, such as 10:00+01:00.")
    elif date < now - PAST_ALLOWED:
        yield error(
            "contact_date_past", f"The contact date {_written(date)} is over: set a later one, or none for now."
        )
    elif date > now + FURTHEST:
        yield error("contact_date_far", f"The contact date {_written(date)} is over a year ahead: set an earlier one.")


def timetable_of(placed: Sequence[PlacedPart], draft: Draft, now: datetime) -> list[PlannedPost]:
    """Returns when each part goes out: on the contact date or now, or as soon as X allows posts again."""
    planned = []
    for one in placed:
        windows, place = divmod(one.rendered.part - 1, _POSTS_A_WINDOW)
        begins_at = max(start_of(draft, now), one.target.open_at or now)
        at = begins_at + windows * _WINDOW + place * _STEP
        planned.append(PlannedPost(service=one.target.internal_name, part=one.rendered.part, at=at))
    return planned


def timetable_findings(
    targets: Sequence[Target], planned: Sequence[PlannedPost], draft: Draft, now: datetime
) -> Iterator[Finding]:
    """Yields when the parts go out on each account, and whether that is before the validity ends."""
    valid_until = start_of(draft, now) + timedelta(days=min(max(draft.validity_days, 1), LONGEST_VALIDITY))
    for name in (target.internal_name for target in targets):
        times = [post.at for post in planned if post.service == name]
        if not times:
            continue
        last = f", the last of {len(times)} at {_written(times[-1])}" if len(times) > 1 else ""
        yield info("timetable", f"On @{name} the first post goes out at {_written(times[0])}{last}.")
        if max(times) > valid_until:
            yield error(
                "ends_after_validity",
                f"X allows posts on @{name} again only when the validity is over, at {_written(valid_until)}:"
                " lengthen the validity, or take another account.",
            )


def start_of(draft: Draft, now: datetime) -> datetime:
    """Returns the contact date where there is a usable one, else now."""
    date = draft.contact_date
    return date if date and date.tzinfo and date > now else now


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S %Z}".rstrip()
