"""From the options of `campaign delivery create` and `edit` to the delivery that they describe."""

import re
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from campaign.cli.broadcast_drafts import described
from campaign.cli.delivery_kinds import check_kind
from campaign.cli.delivery_links import revised_links
from campaign.cli.delivery_options import WhoMayReply
from campaign.cli.delivery_times import moment
from campaign.domain.content import Part
from campaign.domain.drafts import Draft
from campaign.errors import WrongUsage
from models import DeliveryKind

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
    """The delivery with what is given changed; raises WrongUsage in one sentence when it cannot be."""
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
    """What only posts have, or only broadcasts."""
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
    """The parts with their new texts; a part keeps its files by its place, unless its text is taken away."""
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
    """The part that a file belongs to, and where it is: a whole path, as scheduled work runs in other folders."""
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
