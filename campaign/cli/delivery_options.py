"""The options of `campaign delivery`, and the draft that they describe."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any, TypedDict

import typer
from sqlmodel import Session

from campaign.audience.people_files import check_person, read_people
from campaign.deliveries.draft import LIBRARY, LONGEST_LIST, Broadcast, Draft, Waves
from campaign.errors import WrongUsage
from campaign.formatting import read_time
from campaign.settings import load_settings
from campaign.x.types import check_handle
from models import ApprovalMode, DeliveryKind, Priority

LONGEST_VALIDITY = 60


class WhoMayReply(StrEnum):
    """X's choices, and its default."""

    EVERYBODY = "everybody"
    FOLLOWING = "following"
    MENTIONED = "mentionedUsers"
    SUBSCRIBERS = "subscribers"
    VERIFIED = "verified"


Name = Annotated[str, typer.Argument(metavar="NAME", help="The internal name of the delivery.")]


class DeliverySettings(TypedDict, total=False):
    """The options of `create` and `edit`; an empty value removes what was set."""

    kind: Annotated[DeliveryKind, typer.Option(help="A post, or a broadcast of direct messages.")]
    service: Annotated[list[str], typer.Option(help="An account it goes out on; repeat for more.")]
    text: Annotated[str, typer.Option(help="The text of the post, of the thread's first part, or of the message.")]
    part: Annotated[list[str], typer.Option(help="One more part of a thread; repeat for more.")]
    text_for: Annotated[
        list[str],
        typer.Option(
            metavar="HANDLE=TEXT",
            help="The text of one account, in place of the common one; 2:HANDLE=TEXT is that of the second part.",
        ),
    ]
    media: Annotated[
        list[str], typer.Option(help="A file, library:NAME or an https address; 2:FILE is of the second part.")
    ]
    alt: Annotated[list[str], typer.Option(help="What the file shows; one for each --media, in order.")]
    proof: Annotated[
        list[str],
        typer.Option(help="The service that gets the proofs of a post; a person who gets those of a broadcast."),
    ]
    where: Annotated[
        str, typer.Option(help='Only people who match this, such as "followers_count > 50"; empty for all people.')
    ]
    except_where: Annotated[str, typer.Option(help="Leave out people who match this.")]
    people_list: Annotated[
        str, typer.Option("--list", metavar="FILE", help="Only people in this file, by handle or X user id; see docs.")
    ]
    recipients_of: Annotated[str, typer.Option(metavar="NAME", help="Only people who got this broadcast.")]
    not_if_received: Annotated[
        list[str], typer.Option(metavar="NAME", help="Leave out people who got this broadcast; repeat for more.")
    ]
    limit_to: Annotated[str, typer.Option(metavar="N", help="The highest number of people; empty for no limit.")]
    priority: Annotated[Priority, typer.Option(help="Which broadcast of a service goes first.")]
    wave_size: Annotated[str, typer.Option(metavar="500|25%", help="How many messages a wave has; empty for one wave.")]
    wave_every: Annotated[str, typer.Option(metavar="1d|6h|30m", help="The time from the start of a wave to the next.")]
    wave: Annotated[
        list[str], typer.Option(metavar="AFTER:SIZE", help="A wave of a calendar, such as 1d:500; repeat for more.")
    ]
    at: Annotated[str, typer.Option(help="Not before then, as in 2026-12-24T09:00; empty for at once.")]
    label: Annotated[str, typer.Option(help="The name shown in lists and reports.")]
    code: Annotated[str, typer.Option(help="Your own code of the campaign.")]
    description: Annotated[str, typer.Option(help="What it is for; not sent.")]
    approval: Annotated[ApprovalMode, typer.Option(help="Who confirms it.")]
    validity: Annotated[int, typer.Option(min=1, max=LONGEST_VALIDITY, help="Days in which it may still go out.")]
    tracking: Annotated[
        bool, typer.Option("--tracking/--no-tracking", help="Whether the clicks on its links are counted.")
    ]
    link: Annotated[list[str], typer.Option(help="A link of the text that gets a label; repeat for more.")]
    link_label: Annotated[list[str], typer.Option(help="Its name in reports; one for each --link, in order.")]
    link_category: Annotated[
        list[str], typer.Option(help="Reports add up its clicks under this; one for each --link, in order.")
    ]
    link_untracked: Annotated[list[str], typer.Option(help="A link whose clicks are not counted; repeat for more.")]
    reply_settings: Annotated[WhoMayReply, typer.Option(help="Who may answer.")]
    poll: Annotated[list[str], typer.Option(help="An answer of a poll in the first part; two to four of them.")]
    poll_minutes: Annotated[int, typer.Option(min=5, max=10_080, help="How long the poll is open.")]
    paid_partnership: Annotated[
        bool, typer.Option("--paid-partnership/--no-paid-partnership", help="X marks it as advertising.")
    ]
    made_with_ai: Annotated[bool, typer.Option("--made-with-ai/--no-made-with-ai", help="X marks it as made with AI.")]


_Options = Mapping[str, Any]
_BROADCAST_ONLY = {
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
_POST_ONLY = {
    "part": "--part makes a thread of posts; a direct message is one text, so leave it out.",
    "text_for": "A direct message is the same for all accounts; leave out --text-for, and write {{ service.name }}.",
    "poll": "A direct message has no poll; leave out --poll, or ask in the text.",
    "poll_minutes": "A direct message has no poll; leave out --poll-minutes.",
    "reply_settings": "A direct message does not say who may answer; leave out --reply-settings.",
    "paid_partnership": "X marks only posts as advertising; leave out --paid-partnership, and say it in the text.",
    "made_with_ai": "X marks only posts as made with AI; leave out --made-with-ai, and say it in the text.",
}


def check_options(options: _Options) -> None:
    """Raises WrongUsage for options that are wrong for every delivery."""
    for handle in options.get("service", ()):
        check_handle(handle)
    if "kind" in options:
        check_kind(options["kind"], options)
    if options.get("at"):
        moment(options["at"])


def check_kind(kind: DeliveryKind, options: _Options) -> None:
    """Raises WrongUsage for an option of the other kind."""
    proofs = [name for name in options.get("proof", ()) if name]
    if kind is DeliveryKind.DM:
        for name, sentence in _POST_ONLY.items():
            if name in options:
                raise WrongUsage(sentence)
        if len([file for file in options.get("media", ()) if file]) > 1:
            raise WrongUsage("A direct message takes one file; give --media once.")
        for person in proofs:
            check_person(person)
        return
    for name, option in _BROADCAST_ONLY.items():
        if name in options:
            raise WrongUsage(f"{option} is for direct messages (--kind dm); a post is public at once.")
    if len(options.get("proof", ())) > 1:
        raise WrongUsage("The proofs of a post go to one service; give --proof once.")
    for handle in proofs:
        check_handle(handle)


def check_named(session: Session, draft: Draft, name: str = "") -> None:
    """Raises WrongUsage for a delivery named in an audience that is not another broadcast."""
    from campaign.deliveries import store as deliveries

    audience = draft.broadcast.audience
    if name and audience.recipients_of == name:
        raise WrongUsage(f"{name} cannot go to its own recipients; name another broadcast with --recipients-of.")
    for other in filter(None, [audience.recipients_of, *audience.not_if_received]):
        if deliveries.named(session, other).kind is not DeliveryKind.DM:
            raise WrongUsage(f"{other} is a post, which has no recipients; name a broadcast of direct messages.")


#: Options that are fields of a draft as they are.
_FIELDS = ("label", "code", "description", "approval", "tracking")
_OPTION_OF_FIELD = {
    "text": "--text or --part",
    "parts": "--part",
    "source": "--media",
    "alt_text": "--alt",
    "poll": "--poll",
    "options": "--poll",
    "calendar": "--wave",
    "proof_recipients": "--proof",
}


def revised(draft: Draft, options: _Options) -> Draft:
    """Returns a draft changed by options; raises WrongUsage in one sentence where one cannot be used."""
    from pydantic import ValidationError

    check_kind(draft.kind, options)
    changes = {name: options[name] for name in _FIELDS if name in options}
    if draft.kind is DeliveryKind.DM:
        changes["broadcast"] = _revised_broadcast(draft.broadcast, options)
        changes["priority"] = options.get("priority", draft.priority)
    elif "proof" in options:
        changes["proof_service"] = next(filter(None, options["proof"]), None)
    if "service" in options:
        changes["services"] = list(options["service"])
    if "at" in options:
        changes["contact_date"] = moment(options["at"]) if options["at"] else None
    if "validity" in options:
        changes["validity_days"] = options["validity"]
    try:
        return Draft.model_validate(draft.model_dump() | changes | {"content": _revised_content(draft, options)})
    except ValidationError as error:
        first = error.errors()[0]
        names = [str(name) for name in first["loc"] if isinstance(name, str)]
        option = _OPTION_OF_FIELD.get(names[-1], f"--{names[-1].replace('_', '-')}")
        raise WrongUsage(f"{option} cannot be used: {first['msg'].lower()}.") from None


_LIMIT = re.compile(r"0*[1-9]\d{0,8}", re.ASCII)


def _revised_broadcast(broadcast: Broadcast, options: _Options) -> dict[str, Any]:
    audience = {name: options[name] for name in ("where", "except_where", "recipients_of") if name in options}
    for condition in filter(None, (audience.get("where"), audience.get("except_where"))):
        from campaign.audience.conditions import parse

        parse(condition)
    if "people_list" in options:
        file = options["people_list"]
        audience["people"] = read_people(Path(file), LONGEST_LIST) if file else []
    if "not_if_received" in options:
        audience["not_if_received"] = [name for name in options["not_if_received"] if name]
    if "limit_to" in options:
        text = options["limit_to"]
        if text and not _LIMIT.fullmatch(text.strip()):
            raise WrongUsage(f"--limit-to {text!r} cannot be used; write a number of people, such as 500.")
        audience["limit"] = int(text) if text else None
    changes: dict[str, Any] = {
        "audience": broadcast.audience.model_dump() | audience,
        "waves": _revised_waves(broadcast.waves, options),
    }
    if "proof" in options:
        changes["proof_recipients"] = [check_person(person) for person in options["proof"] if person]
    return broadcast.model_dump() | changes


def _revised_waves(waves: Waves, options: _Options) -> dict[str, Any]:
    calendar = [text for text in options.get("wave", ()) if text]
    size, every = options.get("wave_size"), options.get("wave_every")
    if calendar and (size or every):
        raise WrongUsage("Give waves of one size (--wave-size, --wave-every) or a calendar of them (--wave), not both.")
    if calendar:
        waves_given = []
        for text in calendar:
            after, colon, amount = text.partition(":")
            if not colon:
                raise WrongUsage(
                    f"Invalid wave {text!r}; write when it begins and how large it is, such as 0h:10% or 1d:500."
                )
            waves_given.append({"after_seconds": int(length_of_time(after).total_seconds()), **_read_size(amount)})
        return {"calendar": waves_given}
    if not size and not every:
        removed = {"calendar": "wave" in options, "same": size is not None or every is not None}
        return {name: value for name, value in waves.model_dump().items() if not removed[name]}
    same = waves.same.model_dump() if waves.same else {}
    if size:
        same |= _read_size(size)
    if every:
        same["period_seconds"] = int(length_of_time(every).total_seconds())
    if "amount" not in same or "" in {size, every}:
        raise WrongUsage("Waves of one size need both --wave-size, such as 500 or 25%, and --wave-every, such as 1d.")
    if not same.get("period_seconds"):
        raise WrongUsage("Give with --wave-every the time between the beginnings of waves, such as 1d, 6h or 30m.")
    return {"same": same}


def _read_size(text: str) -> dict[str, Any]:
    found = re.fullmatch(r"(\d{1,9})\s*(%?)", text.strip(), re.ASCII)
    amount = int(found[1]) if found else 0
    is_percentage = bool(found and found[2])
    if not amount or (is_percentage and amount > 100):  # noqa: PLR2004  percent
        raise WrongUsage(f"Invalid wave size {text!r}; write a number of messages, or a share up to 100%, such as 25%.")
    return {"amount": amount, "is_percentage": is_percentage}


def _revised_content(draft: Draft, options: _Options) -> dict[str, Any]:
    parts = [part.model_dump() for part in draft.content.parts]
    # A part keeps its files by its place, unless its text is removed.
    first, rest = parts[:1], parts[1:]
    if "text" in options or (not first and {"media", "poll", "part", "text_for"} & options.keys()):
        first = [(first[0] if first else {}) | {"text": options.get("text", "")}]
    if "part" in options:
        texts = zip_longest(options["part"], rest[: len(options["part"])])
        rest = [((part or {}) if text else {}) | {"text": text} for text, part in texts]
    parts[:] = [*first, *rest]
    # An empty text of a single account removes it, and the common text counts again.
    for given in options.get("text_for", ()):
        found = re.fullmatch(r"(?:(\d+):)?@?(\w+)=(.*)", given, re.DOTALL | re.ASCII)
        if found is None:
            raise WrongUsage(f"--text-for {given!r} cannot be used; write HANDLE=TEXT, such as acme='Hello'.")
        place, handle, text = int(found[1] or 1), check_handle(found[2]).lower(), found[3]
        if not 1 <= place <= len(parts):
            raise WrongUsage(f"--text-for names part {place}, and there are {len(parts)}; write it with --part first.")
        own = {name: known for name, known in parts[place - 1].get("own_texts", {}).items() if name != handle}
        parts[place - 1]["own_texts"] = own | ({handle: text} if text else {})
    _put_files(parts, options)
    _put_poll(parts, options)
    changes: dict[str, Any] = {
        "parts": [part for part in parts if any(part.get(one) for one in ("text", "own_texts", "media", "poll"))],
        "links": _revised_links(draft, options),
    }
    if "reply_settings" in options:
        who = options["reply_settings"]
        changes["reply_settings"] = None if who is WhoMayReply.EVERYBODY else who.value
    disclosures = {name: options[name] for name in ("paid_partnership", "made_with_ai") if name in options}
    return draft.content.model_dump() | changes | disclosures


def _put_files(parts: list[dict[str, Any]], options: _Options) -> None:
    alts = list(options.get("alt", []))
    if "media" in options:
        placed = [_placed(text, len(parts)) for text in options["media"] if text.strip()]
        for number, part in enumerate(parts, start=1):
            part["media"] = [{"source": source} for place, source in placed if place == number]
        # Alternative texts come in the order of the options, which need not be that of the parts.
        in_parts = {number: iter(part["media"]) for number, part in enumerate(parts, start=1)}
        files = [next(in_parts[place]) for place, _ in placed]
    else:
        files = [file for part in parts for file in part.get("media", [])]
    if alts and len(alts) != len(files):
        raise WrongUsage(
            f"There are {len(files)} files and {len(alts)} alternative texts;"
            " give one --alt for each --media, in order."
        )
    for file, alt in zip(files, alts, strict=False):
        file["alt_text"] = alt


def _placed(text: str, parts: int) -> tuple[int, str]:
    """Returns the part of a file, and its absolute path, as scheduled work runs in other folders."""
    found = re.fullmatch(r"(\d+):(.+)", text, re.DOTALL)
    place, source = (int(found[1]), found[2]) if found else (1, text)
    if not 1 <= place <= parts:
        raise WrongUsage(f"--media names part {place}, and there are {parts}; write ./{text} if it is a file's name.")
    if re.match(rf"\s*([a-z][a-z0-9+.-]+://|{LIBRARY})", source, re.IGNORECASE) or source.startswith("~"):
        return place, source
    return place, str(Path(source).absolute())


def _put_poll(parts: list[dict[str, Any]], options: _Options) -> None:
    if "poll" in options:
        answers = [answer for answer in options["poll"] if answer]
        if answers and not 2 <= len(answers) <= 4:  # noqa: PLR2004
            raise WrongUsage(f"A poll has two to four answers, not {len(answers)}; repeat --poll for each.")
        parts[0]["poll"] = (parts[0].get("poll") or {}) | {"options": answers} if answers else None
    if "poll_minutes" in options:
        if not parts or not parts[0].get("poll"):
            raise WrongUsage("--poll-minutes needs a poll; give its answers with --poll.")
        parts[0]["poll"]["minutes"] = options["poll_minutes"]


def _revised_links(draft: Draft, options: _Options) -> list[dict[str, Any]]:
    """Returns the links that have a label or are not counted; an empty address removes those that were named."""
    links = {link.url: link.model_dump() for link in draft.content.links}
    labelled = list(links)
    if "link" in options:
        labelled = [url for url in options["link"] if url]
        links = {url: link for url, link in links.items() if not link["tracked"]}
        links |= {url: {"url": url} | links.get(url, {}) for url in labelled}
    for option, field in (("link_label", "label"), ("link_category", "category")):
        values = options.get(option, [])
        if values and len(values) != len(labelled):
            raise WrongUsage(
                f"There are {len(labelled)} links and {len(values)} values;"
                f" give one --{option.replace('_', '-')} for each --link, in order."
            )
        for url, value in zip(labelled, values, strict=False):
            links[url][field] = value
    if "link_untracked" in options:
        untracked = [url for url in options["link_untracked"] if url]
        links |= {url: links.get(url, {"url": url}) for url in untracked}
        links = {url: link | {"tracked": url not in untracked} for url, link in links.items()}
    return [
        link for link in links.values() if link.get("label") or link.get("category") or not link.get("tracked", True)
    ]


_LENGTH = re.compile(r"(?=\d)(?:(\d{1,4})d)?(?:(\d{1,4})h)?(?:(\d{1,5})m)?", re.IGNORECASE | re.ASCII)
_LONGEST = timedelta(days=60)
"""As long as a delivery may be valid."""


def moment(text: str, *, earliest: bool = False) -> datetime:
    """Reads an ISO time, in CAMPAIGN_TIMEZONE unless it names another zone; raises WrongUsage in one sentence."""
    return read_time(text, load_settings().timezone, earliest=earliest)


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
