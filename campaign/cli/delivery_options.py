"""The options of `campaign delivery`, and the draft that they describe."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import chain, zip_longest
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from sqlmodel import Session

from campaign.deliveries.draft import LONGEST_LIST, Broadcast, Draft, NamedLink, Part, Waves
from campaign.errors import NotPossible, WrongUsage
from campaign.settings import load_settings
from campaign.x.types import check_handle
from models import ApprovalMode, DeliveryKind, DeliveryState, Priority

LONGEST_VALIDITY = 60


class WhoMayReply(StrEnum):
    """X's choices, and its default."""

    EVERYBODY = "everybody"
    FOLLOWING = "following"
    MENTIONED = "mentionedUsers"
    SUBSCRIBERS = "subscribers"
    VERIFIED = "verified"


Name = Annotated[str, typer.Argument(metavar="NAME", help="The internal name of the delivery.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

Kind = Annotated[DeliveryKind | None, typer.Option(help="A post, or a broadcast of direct messages.")]
Services = Annotated[list[str] | None, typer.Option("--service", help="An account it goes out on; repeat for more.")]
FirstText = Annotated[str | None, typer.Option("--text", help="The post, the first part of a thread, the message.")]
MoreParts = Annotated[list[str] | None, typer.Option("--part", help="One more part of a thread; repeat for more.")]
Media = Annotated[list[str] | None, typer.Option(help="A path or https address; 2:PATH belongs to the second part.")]
Alt = Annotated[list[str] | None, typer.Option(help="What the file shows; one for each --media, in order.")]
Proof = Annotated[
    list[str] | None,
    typer.Option(help="The service that gets the proofs of a post, a person who gets those of a broadcast."),
]
At = Annotated[str | None, typer.Option(help="Not before then, as in 2026-12-24T09:00; empty for at once.")]
Label = Annotated[str | None, typer.Option(help="The name read in lists and reports.")]
Code = Annotated[str | None, typer.Option(help="Your own code of the campaign.")]
Description = Annotated[str | None, typer.Option(help="What it is for; not sent.")]
Template = Annotated[str | None, typer.Option(help="What it starts from; options count before it.")]
Approval = Annotated[ApprovalMode | None, typer.Option(help="Who says yes.")]
Validity = Annotated[
    int | None,
    typer.Option("--validity", min=1, max=LONGEST_VALIDITY, help="Days in which it may still go out."),
]
Tracking = Annotated[
    bool | None, typer.Option("--tracking/--no-tracking", help="Whether the clicks on its links are counted.")
]
Links = Annotated[
    list[str] | None, typer.Option("--link", help="A link of the text that gets a name; repeat for more.")
]
LinkLabels = Annotated[
    list[str] | None, typer.Option("--link-label", help="What reports call it; one for each --link, in order.")
]
LinkCategories = Annotated[
    list[str] | None,
    typer.Option("--link-category", help="What reports add it up with; one for each --link, in order."),
]
UntrackedLinks = Annotated[
    list[str] | None, typer.Option("--link-untracked", help="A link whose clicks are not counted; repeat for more.")
]
Replies = Annotated[WhoMayReply | None, typer.Option("--reply-settings", help="Who may answer.")]
Poll = Annotated[list[str] | None, typer.Option(help="An answer of a poll in the first part; two to four of them.")]
PollMinutes = Annotated[int | None, typer.Option(min=5, max=10_080, help="How long the poll is open.")]
Paid = Annotated[
    bool | None, typer.Option("--paid-partnership/--no-paid-partnership", help="X marks it as advertising.")
]

State = Annotated[DeliveryState | None, typer.Option(help="Only those in this state.")]
OneService = Annotated[str | None, typer.Option("--service", help="Only those to this service.")]
Since = Annotated[str | None, typer.Option(help="Only those made since then, as in 2026-11-01.")]
Limit = Annotated[int, typer.Option(min=1, help="At most so many, the newest.")]
Comment = Annotated[str, typer.Option(help="Kept with the answer.")]
As = Annotated[str | None, typer.Option("--as", help="Who answers; you, as this machine knows you, when left out.")]
Like = Annotated[str | None, typer.Option("--as", metavar="HANDLE", help="As this person gets it; broadcasts only.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Where = Annotated[
    str | None, typer.Option(help='Only those who fulfil this, such as "followers_count > 50"; empty for everybody.')
]
ExceptWhere = Annotated[str | None, typer.Option(help="Nobody who fulfils this.")]
PeopleList = Annotated[
    str | None,
    typer.Option("--list", metavar="FILE", help="Only those in this file, by handle or X user id; one a line, or CSV."),
]
RecipientsOf = Annotated[str | None, typer.Option(metavar="NAME", help="Only those who got this broadcast.")]
NotIfReceived = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="Nobody who got this broadcast; repeat for more.")
]
LimitTo = Annotated[str | None, typer.Option(metavar="N", help="At most so many people in all; empty for no limit.")]
PriorityOption = Annotated[Priority | None, typer.Option("--priority", help="Which broadcast of a service goes first.")]
WaveSize = Annotated[str | None, typer.Option(metavar="500|25%", help="How many messages a wave has; empty for one.")]
WaveEvery = Annotated[str | None, typer.Option(metavar="1d|6h|30m", help="How long after the wave before one begins.")]
Wave = Annotated[
    list[str] | None, typer.Option(metavar="AFTER:SIZE", help="A wave of a calendar, such as 1d:500; repeat for more.")
]
AcceptUnconsented = Annotated[
    bool, typer.Option("--accept-unconsented", help="Also those in it who never agreed to be written to.")
]
To = Annotated[str | None, typer.Option(metavar="HANDLE", help="Whose message, of a broadcast.")]
Failed = Annotated[bool, typer.Option("--failed", help="Only what did not arrive, and whom a broadcast left out.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="All of it, comma separated.")]
_OF_EACH = {"link_label": "label", "link_category": "category"}


def revised_links(known: Sequence[NamedLink], given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns the links with a name or not counted; an empty address removes. Raises WrongUsage in one sentence."""
    links = {one.url: one.model_dump() for one in known}
    if "link" in given:
        links = {url: link for url, link in links.items() if not link["tracked"]}
        links |= {url: {"url": url} | links.get(url, {}) for url in given["link"] if url}
    named = [url for url in given["link"] if url] if "link" in given else list(links)
    for option, field in _OF_EACH.items():
        for url, value in zip(named, _values(option, named, given), strict=False):
            links[url][field] = value
    return _counted(links, given)


def _values(option: str, named: Sequence[str], given: Mapping[str, Any]) -> list[str]:
    values = list(given.get(option, []))
    if values and len(values) != len(named):
        written = f"--{option.replace('_', '-')}"
        raise WrongUsage(
            f"There are {len(named)} links and {len(values)} values; give one {written} for each --link, in order."
        )
    return values


def _counted(links: dict[str, dict[str, Any]], given: Mapping[str, Any]) -> list[dict[str, Any]]:
    if "link_untracked" in given:
        untracked = [url for url in given["link_untracked"] if url]
        links |= {url: links.get(url, {"url": url}) for url in untracked}
        links = {url: link | {"tracked": url not in untracked} for url, link in links.items()}
    # What has no name and is counted, as every link is, need not be remembered.
    return [
        link for link in links.values() if link.get("label") or link.get("category") or not link.get("tracked", True)
    ]


#: What is still counted on from a moment: a time without one that comes after it cannot be used.
_AFTER_IT = timedelta(days=366)
_LENGTH = re.compile(r"(?=\d)(?:(\d{1,4})d)?(?:(\d{1,4})h)?(?:(\d{1,5})m)?", re.IGNORECASE | re.ASCII)
_LONGEST = timedelta(days=60)
"""As long as a delivery may be valid."""


def moment(text: str) -> datetime:
    """Reads an ISO time, in CAMPAIGN_TIMEZONE unless it names another zone; raises WrongUsage in one sentence."""
    try:
        written = datetime.fromisoformat(text.strip())
        meant = written if written.tzinfo else written.replace(tzinfo=ZoneInfo(load_settings().timezone))
        back = meant.astimezone(UTC).astimezone(meant.tzinfo)
        _ = meant + _AFTER_IT
    except (ValueError, OverflowError):
        raise WrongUsage(f"{text!r} is not a time; write it like 2026-12-24T09:00 or 2026-12-24T09:00+01:00.") from None
    if back.replace(tzinfo=None) != written.replace(tzinfo=None):
        raise WrongUsage(f"{text!r} does not exist in {load_settings().timezone}: clocks are put forward then.")
    return meant


def length_of_time(text: str) -> timedelta:
    """Reads a length of time such as 1d, 6h, 30m or 1d12h; raises WrongUsage in one sentence."""
    found = _LENGTH.fullmatch(text.strip())
    if found is None:
        raise WrongUsage(f"Invalid length of time {text!r}; write it like 1d, 6h, 30m or 1d12h.")
    days, hours, minutes = (int(number or 0) for number in found.groups())
    length = timedelta(days=days, hours=hours, minutes=minutes)
    if length > _LONGEST:
        raise WrongUsage(f"{text!r} is longer than the {_LONGEST.days} days in which a delivery may go out.")
    return length


_LONGEST_ID = 20
_NOT_OF_IT = frozenset({"name", "template", "as_json"})
_OF_POSTS = {
    "part": "--part makes a thread of posts; a direct message is one text, so leave it out.",
    "poll": "A direct message has no poll; leave out --poll, or ask in the text.",
    "poll_minutes": "A direct message has no poll; leave out --poll-minutes.",
    "reply_settings": "A direct message does not say who may answer; leave out --reply-settings.",
    "paid_partnership": "X marks only posts as advertising; leave out --paid-partnership, and say it in the text.",
}
_OF_BROADCASTS = {
    "where": "--where",
    "except_where": "--except-where",
    "people_list": "--list",
    "recipients_of": "--recipients-of",
    "not_if_received": "--not-if-received",
    "limit_to": "--limit-to",
    "priority": "--priority",
    "wave_size": "--wave-size",
    "wave_every": "--wave-every",
    "wave": "--wave",
}


def given_of(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the given options of a delivery; raises WrongUsage for those that are wrong for every delivery."""
    given = {name: value for name, value in arguments.items() if value is not None and name not in _NOT_OF_IT}
    for handle in given.get("service", ()):
        check_handle(handle)
    if given.get("kind"):
        check_kind(given["kind"], given)
    if given.get("at"):
        moment(given["at"])
    return given


def check_kind(kind: DeliveryKind, given: Mapping[str, Any]) -> None:
    """Raises WrongUsage for an option of the other kind."""
    if kind is DeliveryKind.DM:
        _check_broadcast(given)
    else:
        _check_post(given)


def _check_broadcast(given: Mapping[str, Any]) -> None:
    for name, sentence in _OF_POSTS.items():
        if name in given:
            raise WrongUsage(sentence)
    if len([file for file in given.get("media", ()) if file]) > 1:
        raise WrongUsage("A direct message takes one file; give --media once.")
    for person in filter(None, given.get("proof", ())):
        check_person(person)


def _check_post(given: Mapping[str, Any]) -> None:
    for name, option in _OF_BROADCASTS.items():
        if name in given:
            raise WrongUsage(f"{option} is for direct messages (--kind dm); a post is public at once.")
    if len(given.get("proof", ())) > 1:
        raise WrongUsage("The proofs of a post go to one service; give --proof once.")
    for handle in filter(None, given.get("proof", ())):
        check_handle(handle)


def check_person(text: str) -> str:
    """Returns a handle, with or without its @, or an X user id, as given; raises WrongUsage for anything else."""
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_ID):
        check_handle(text.removeprefix("@"))
    return text


def refuse_like(name: str, like: str | None) -> None:
    """Raises WrongUsage when --as is given for a post."""
    if like is not None:
        raise WrongUsage(f"{name} is a post, the same for everybody; --as is for broadcasts of direct messages.")


def refuse_taking_back(name: str, kind: DeliveryKind) -> None:
    """Raises NotPossible for a broadcast: direct messages cannot be deleted."""
    if kind is DeliveryKind.DM:
        raise NotPossible(f"{name} is a broadcast; X cannot delete a direct message that was sent.")


#: A file whose first line has one of these as a heading is read from that column.
_HEADINGS = ("external_id", "user_id", "username", "handle")
#: A person corrects no more at a time.
_MOST_NAMED = 10


def read_people(file: Path) -> list[str]:
    """Reads handles and X user ids from a file; raises WrongUsage that names the wrong lines."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:
            people = _checked(file, _cells(opened))
    except OSError as error:
        raise WrongUsage(f"{file} cannot be read ({error.strerror}); name another file with --list.") from None
    except UnicodeDecodeError:
        raise WrongUsage(f"{file} is not written in UTF-8; save it as a text, or as CSV UTF-8.") from None
    except csv.Error as error:
        raise WrongUsage(f"Invalid list {file} ({error}).") from None
    if not people:
        raise WrongUsage(f"{file} is empty; write a handle or an X user id on each line.")
    return people


def _checked(file: Path, cells: Iterable[tuple[int, str]]) -> list[str]:
    people, problems = list[str](), list[str]()
    for line, text in cells:
        if len(people) + len(problems) == LONGEST_LIST:
            raise WrongUsage(f"{file} names more than {LONGEST_LIST:,} people; choose them with --where instead.")
        try:
            people.append(check_person(text))
        except WrongUsage as problem:
            problems.append(f"line {line}: {str(problem).removesuffix('.')}")
    if problems:
        more = f"; and {len(problems) - _MOST_NAMED:,} more lines" if len(problems) > _MOST_NAMED else ""
        raise WrongUsage(f"{file} cannot be used: {'; '.join(problems[:_MOST_NAMED])}{more}.")
    return people


def _cells(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yields the cell of each line that names a person, with the number of the line; comments begin with #."""
    numbers: list[int] = []
    noted, separator = _with_separator(_noted(lines, numbers))
    rows = csv.reader(noted, delimiter=separator)
    column = 0
    for place, row in enumerate(rows):
        headings = [cell.strip().lower().replace(" ", "_") for cell in row]
        found = next((name for name in _HEADINGS if name in headings), None) if place == 0 else None
        if found:
            column = headings.index(found)
        elif text := (row[column] if column < len(row) else "").partition("#")[0].strip():
            yield numbers[-1], text


def _noted(lines: Iterable[str], numbers: list[int]) -> Iterator[str]:
    """Yields the lines that are not empty; their numbers are noted as they are read."""
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            numbers[:] = [number]
            yield line


def _with_separator(lines: Iterator[str]) -> tuple[Iterator[str], str]:
    """Returns the lines, and what separates their cells: spreadsheets of some countries write semicolons."""
    first = next(lines, "")
    separator = min((mark for mark in ",;\t" if mark in first), key=first.index, default=",")
    return chain([first], lines), separator


_SIZE = re.compile(r"(\d{1,9})\s*(%?)", re.ASCII)
_LIMIT = re.compile(r"0*[1-9]\d{0,8}", re.ASCII)
_EVERYBODY = 100


def described(broadcast: Broadcast, given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a broadcast with the given options changed; an empty value removes. Raises WrongUsage in one sentence."""
    changes: dict[str, Any] = {
        "audience": broadcast.audience.model_dump() | _audience(given),
        "waves": _waves(broadcast.waves, given),
    }
    if "proof" in given:
        changes["proof_recipients"] = [person for person in given["proof"] if person]
    return broadcast.model_dump() | changes


def check_named(session: Session, draft: Draft, name: str = "") -> None:
    """Raises WrongUsage for a delivery named in an audience that is not another broadcast."""
    from campaign.deliveries import store as deliveries

    audience = draft.broadcast.audience
    if name and audience.recipients_of == name:
        raise WrongUsage(f"{name} cannot go to its own recipients; name another broadcast with --recipients-of.")
    for other in filter(None, [audience.recipients_of, *audience.not_if_received]):
        if deliveries.named(session, other).kind is not DeliveryKind.DM:
            raise WrongUsage(f"{other} is a post, which has no recipients; name a broadcast of direct messages.")


def _audience(given: Mapping[str, Any]) -> dict[str, Any]:
    changes = {name: given[name] for name in ("where", "except_where", "recipients_of") if name in given}
    for condition in filter(None, (changes.get("where"), changes.get("except_where"))):
        from campaign.audience.conditions import parse

        parse(condition)
    if "people_list" in given:
        file = given["people_list"]
        changes["people"] = read_people(Path(file)) if file else []
    if "not_if_received" in given:
        changes["not_if_received"] = [name for name in given["not_if_received"] if name]
    if "limit_to" in given:
        changes["limit"] = _limit(given["limit_to"])
    return changes


def _limit(text: str) -> int | None:
    if text and not _LIMIT.fullmatch(text.strip()):
        raise WrongUsage(f"--limit-to {text!r} cannot be used; write a number of people, such as 500.")
    return int(text) if text else None


def _waves(waves: Waves, given: Mapping[str, Any]) -> dict[str, Any]:
    planned = [text for text in given.get("wave", ()) if text]
    is_same = bool(given.get("wave_size") or given.get("wave_every"))
    if planned and is_same:
        raise WrongUsage("Give waves of one size (--wave-size, --wave-every) or a calendar of them (--wave), not both.")
    if planned:
        return {"calendar": [_planned(text) for text in planned]}
    if is_same:
        return {"same": _same(waves, given)}
    kept = waves.model_dump()
    taken_away = ["calendar"] if "wave" in given else []
    taken_away += ["same"] if {"wave_size", "wave_every"} & given.keys() else []
    return {name: value for name, value in kept.items() if name not in taken_away}


def _same(waves: Waves, given: Mapping[str, Any]) -> dict[str, Any]:
    known = waves.same.model_dump() if waves.same else {}
    if given.get("wave_size"):
        known |= size_of(given["wave_size"])
    if given.get("wave_every"):
        known["period_seconds"] = int(length_of_time(given["wave_every"]).total_seconds())
    if "amount" not in known or "" in {given.get("wave_size"), given.get("wave_every")}:
        raise WrongUsage("Waves of one size need both --wave-size, such as 500 or 25%, and --wave-every, such as 1d.")
    if not known.get("period_seconds"):
        raise WrongUsage("Give with --wave-every the time between the beginnings of waves, such as 1d, 6h or 30m.")
    return known


def _planned(text: str) -> dict[str, Any]:
    after, colon, size = text.partition(":")
    if not colon:
        raise WrongUsage(f"Invalid wave {text!r}; write when it begins and how large it is, such as 0h:10% or 1d:500.")
    return {"after_seconds": int(length_of_time(after).total_seconds()), **size_of(size)}


def size_of(text: str) -> dict[str, Any]:
    """Reads the size of a wave; raises WrongUsage in one sentence."""
    found = _SIZE.fullmatch(text.strip())
    amount = int(found[1]) if found else 0
    is_percentage = bool(found and found[2])
    if not amount or (is_percentage and amount > _EVERYBODY):
        raise WrongUsage(f"Invalid wave size {text!r}; write a number of messages, or a share up to 100%, such as 25%.")
    return {"amount": amount, "is_percentage": is_percentage}


#: Options that are fields of a draft as they are.
_PLAIN = ("label", "code", "description", "approval", "tracking")
_PLACE = re.compile(r"(\d+):(.+)", re.DOTALL)
_ADDRESS = re.compile(r"\s*[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_OPTION_OF = {
    "text": "--text or --part",
    "parts": "--part",
    "source": "--media",
    "alt_text": "--alt",
    "poll": "--poll",
    "options": "--poll",
    "calendar": "--wave",
    "proof_recipients": "--proof",
}
Parts = list[dict[str, Any]]


def revised(draft: Draft, given: Mapping[str, Any]) -> Draft:
    """Returns a draft with the given options changed; raises WrongUsage in one sentence when it cannot be."""
    from pydantic import ValidationError

    check_kind(draft.kind, given)
    changes = {name: given[name] for name in _PLAIN if name in given} | _of_kind(draft, given)
    if "service" in given:
        changes["services"] = list(given["service"])
    if "at" in given:
        changes["contact_date"] = moment(given["at"]) if given["at"] else None
    if "validity" in given:
        changes["validity_days"] = given["validity"]
    try:
        return Draft.model_validate(draft.model_dump() | changes | {"content": _content(draft, given)})
    except ValidationError as error:
        first = error.errors()[0]
        names = [str(name) for name in first["loc"] if isinstance(name, str)]
        option = _OPTION_OF.get(names[-1], f"--{names[-1].replace('_', '-')}")
        raise WrongUsage(f"{option} cannot be used: {first['msg'].lower()}.") from None


def _of_kind(draft: Draft, given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the changes that only posts have, or only broadcasts."""
    if draft.kind is DeliveryKind.DM:
        return {"broadcast": described(draft.broadcast, given), "priority": given.get("priority", draft.priority)}
    return {"proof_service": next(filter(None, given["proof"]), None)} if "proof" in given else {}


def _content(draft: Draft, given: Mapping[str, Any]) -> dict[str, Any]:
    content = draft.content.model_dump()
    parts = _texts(draft.content.parts, given)
    _put_files(parts, given)
    _put_poll(parts, given)
    changes: dict[str, Any] = {
        "parts": [part for part in parts if not _is_left_out(part)],
        "links": revised_links(draft.content.links, given),
    }
    if "reply_settings" in given:
        who = given["reply_settings"]
        changes["reply_settings"] = None if who is WhoMayReply.EVERYBODY else who.value
    if "paid_partnership" in given:
        changes["paid_partnership"] = given["paid_partnership"]
    return content | changes


def _texts(parts: list[Part], given: Mapping[str, Any]) -> Parts:
    """Returns the parts with their new texts; a part keeps its files by its place, unless its text is removed."""
    known: Parts = [part.model_dump() for part in parts]
    first, rest = known[:1], known[1:]
    if "text" in given or (not first and {"media", "poll", "part"} & given.keys()):
        first = [(first[0] if first else {}) | {"text": given.get("text", "")}]
    if "part" in given:
        texts = zip_longest(given["part"], rest[: len(given["part"])])
        rest = [((part or {}) if text else {}) | {"text": text} for text, part in texts]
    return [*first, *rest]


def _put_files(parts: Parts, given: Mapping[str, Any]) -> None:
    if "media" in given:
        placed = [_placed(words, len(parts)) for words in given["media"] if words.strip()]
        for number, part in enumerate(parts, start=1):
            part["media"] = [{"source": source} for place, source in placed if place == number]
        alts = _alts(given, len(placed))
        # Alternative texts come in the order of the files, which need not be that of the parts.
        files = {number: iter(part["media"]) for number, part in enumerate(parts, start=1)}
        for (place, _), alt in zip(placed, alts, strict=False):
            next(files[place])["alt_text"] = alt
    elif "alt" in given:
        known = [file for part in parts for file in part.get("media", [])]
        for file, alt in zip(known, _alts(given, len(known)), strict=True):
            file["alt_text"] = alt


def _alts(given: Mapping[str, Any], files: int) -> list[str]:
    alts = list(given.get("alt", []))
    if alts and len(alts) != files:
        raise WrongUsage(
            f"There are {files} files and {len(alts)} alternative texts; give one --alt for each --media, in order."
        )
    return alts


def _placed(words: str, parts: int) -> tuple[int, str]:
    """Returns the part of a file, and its absolute path, as scheduled work runs in other folders."""
    found = _PLACE.fullmatch(words)
    place, source = (int(found[1]), found[2]) if found else (1, words)
    if not 1 <= place <= parts:
        raise WrongUsage(f"--media names part {place}, and there are {parts}; write ./{words} if it is a file's name.")
    if _ADDRESS.match(source) or source.startswith("~"):
        return place, source
    return place, str(Path(source).absolute())


def _put_poll(parts: Parts, given: Mapping[str, Any]) -> None:
    if "poll" in given:
        answers = [answer for answer in given["poll"] if answer]
        if answers and not 2 <= len(answers) <= 4:  # noqa: PLR2004
            raise WrongUsage(f"A poll has two to four answers, not {len(answers)}; repeat --poll for each.")
        parts[0]["poll"] = (parts[0].get("poll") or {}) | {"options": answers} if answers else None
    if "poll_minutes" in given:
        if not parts or not parts[0].get("poll"):
            raise WrongUsage("--poll-minutes needs a poll; give its answers with --poll.")
        parts[0]["poll"]["minutes"] = given["poll_minutes"]


def _is_left_out(part: Mapping[str, Any]) -> bool:
    return not (part.get("text") or part.get("media") or part.get("poll"))
