"""The form of a post: a draft as fields, and the fields as they were typed as a draft again."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from textwrap import shorten
from typing import Any

import pendulum
from starlette.datastructures import FormData

from campaign.deliveries.draft import MOST_PARTS, Draft, MediaItem, NamedLink, Part, PollContent
from campaign.deliveries.findings import Finding
from campaign.deliveries.links import countable
from campaign.errors import WrongUsage
from campaign.formatting import read_time, whole_number
from campaign.services.store import zone_of
from campaign.settings import load_settings
from campaign.web.desk.wording import N_
from campaign.x.types import ReplySettings
from models import ApprovalMode, DeliveryKind, Service

#: How long a poll may be open, in minutes, as the form offers it.
POLL_MINUTES = (5, 30, 60, 180, 360, 720, 1440, 2880, 4320, 10_080)
LONGEST_ALT_TEXT = 1_000
LONGEST_VALIDITY = 60
_SHORTEST_POLL, _LONGEST_POLL, _ANSWERS = 5, 10_080, 4
_LABEL_LENGTH = 50
_FIELD = re.compile(r"\{[{%#].*?[}%#]\}", re.DOTALL)


@dataclass(frozen=True)
class PostForm:
    """What stands in the form; `typed` are the fields that no draft can hold as they were typed."""

    draft: Draft
    typed: Mapping[str, str]
    problems: Mapping[str, str] = field(default_factory=dict)
    """A sentence for each field that cannot be saved like this."""

    def with_parts(self, parts: Sequence[Part]) -> "PostForm":
        """Returns the form with other parts."""
        content = self.draft.content.model_copy(update={"parts": list(parts)[:MOST_PARTS]})
        return replace(self, draft=self.draft.model_copy(update={"content": content}))

    def with_problem(self, name: str, sentence: str) -> "PostForm":
        """Returns the form with one more problem."""
        return replace(self, problems={**self.problems, name: sentence})

    def to_save(self) -> Draft:
        """Returns the draft without empty parts and texts of accounts that are not ticked, and with a label."""
        chosen = {name.lower() for name in self.draft.services}
        parts = []
        for part in self.draft.content.parts:
            own = {name: text for name, text in part.own_texts.items() if name in chosen and text.strip()}
            if part.text.strip() or own or part.media or part.poll:
                parts.append(part.model_copy(update={"own_texts": own}))
        content = self.draft.content.model_copy(update={"parts": parts})
        words = " ".join(_FIELD.sub("", parts[0].text).split()) if parts else ""
        label = self.draft.label or shorten(words, _LABEL_LENGTH, placeholder="…") or words[:_LABEL_LENGTH]
        return self.draft.model_copy(update={"content": content, "label": label})


def form_of(draft: Draft, zone: str) -> PostForm:
    """Returns the form of a draft, with its date in a zone."""
    local = draft.contact_date and pendulum.instance(draft.contact_date).in_timezone(zone)
    when = {"date": f"{local:%Y-%m-%d}", "time": f"{local:%H:%M}"} if local else {"date": "", "time": ""}
    typed = {"when": "date" if local else "now", "zone": zone, "validity": str(draft.validity_days), **when}
    content = draft.content if draft.content.parts else draft.content.model_copy(update={"parts": [Part()]})
    return PostForm(draft.model_copy(update={"content": content}), typed)


def read_form(form: FormData, base: Draft, services: Sequence[Service]) -> PostForm:
    """Reads the form; what it does not show stays as in `base`. `services` are those that may be chosen."""
    problems: dict[str, str] = {}
    known = {service.internal_name for service in services}
    names = [name for name in texts_in(form, "account") if name in known]
    numbers = sorted(int(found[1]) for name in form if (found := re.fullmatch(r"text-(\d{1,3})", name)))
    sources = {item.source for part in base.content.parts for item in part.media}
    parts = [_read_part(form, number, known, sources) for number in numbers[:MOST_PARTS]] or [Part()]
    for number, part in enumerate(parts, start=1):
        if any(len(item.alt_text) > LONGEST_ALT_TEXT for item in part.media):
            problems[f"files-{number}"] = N_("A description has more than 1,000 characters, the most that X takes.")
    typed = {name: text_in(form, name) for name in ("when", "date", "time", "zone", "validity", "shown")}
    if typed["zone"] not in {zone_of(service) for service in services}:
        typed["zone"] = zone_of(*services[:1])
    contact_date = None
    if typed["when"] == "date":
        try:
            contact_date = _read_date(typed)
        except WrongUsage as error:
            problems["when"] = str(error)
    validity = whole_number(typed["validity"]) or 0
    if not 1 <= validity <= LONGEST_VALIDITY:
        problems["validity"] = N_("Write a number of days from 1 to 60.")
        validity = base.validity_days
    who, mode, proof = text_in(form, "reply"), text_in(form, "approval"), text_in(form, "proof")
    content = base.content.model_copy(
        update={
            "parts": parts,
            "reply_settings": ReplySettings(who) if who in set(ReplySettings) else None,
            "paid_partnership": "paid" in form,
            "made_with_ai": "ai" in form,
            "links": _read_links(form),
        }
    )
    changes = {
        "label": text_in(form, "label"),
        "code": text_in(form, "code"),
        "description": text_in(form, "description"),
        "services": names,
        "proof_service": proof if proof in {*known, base.proof_service} else None,
        "content": content,
        "contact_date": contact_date,
        "validity_days": validity,
        "approval": ApprovalMode(mode) if mode in set(ApprovalMode) else base.approval,
        "tracking": "tracking" in form,
    }
    return PostForm(base.model_copy(update=changes), typed, problems)


def _read_part(form: FormData, number: int, accounts: set[str], known_sources: set[str]) -> Part:
    own = {name.lower(): _raw(form, f"own-{number}-{name}") for name in accounts}
    described = zip(texts_in(form, f"source-{number}"), texts_in(form, f"alt-{number}"), strict=False)
    # A long description stays in the form; only what is saved is checked.
    media = [
        MediaItem.model_construct(source=source, alt_text=alt)
        for source, alt in described
        if source in known_sources or MediaItem(source=source).is_in_library
    ]
    answers = texts_in(form, f"answer-{number}")[:_ANSWERS]
    while answers and not answers[-1]:
        answers.pop()
    poll = None
    if answers:
        minutes = whole_number(text_in(form, f"poll-minutes-{number}"))
        open_for = 1440 if minutes is None else min(max(minutes, _SHORTEST_POLL), _LONGEST_POLL)
        poll = PollContent(options=[*answers, ""][: max(2, len(answers))], minutes=open_for)
    texts = {name: text for name, text in own.items() if text}
    return Part(text=_raw(form, f"text-{number}"), media=media, poll=poll, own_texts=texts)


def _read_links(form: FormData) -> list[NamedLink]:
    """Returns the links that got a name, or are not to be tracked."""
    found = []
    for number, url in enumerate(texts_in(form, "link"), start=1):
        label, category = text_in(form, f"link-label-{number}"), text_in(form, f"link-category-{number}")
        tracked = f"link-tracked-{number}" in form
        if url and (label or category or not tracked):
            found.append(NamedLink(url=url, label=label, category=category, tracked=tracked))
    return found


def _read_date(typed: Mapping[str, str]) -> datetime:
    if not typed["date"] or not typed["time"]:
        raise WrongUsage(N_("Choose a date and a time, or let it go out as soon as it is approved."))
    return read_time(f"{typed['date']}T{typed['time']}", typed["zone"])


def _raw(form: FormData, name: str) -> str:
    """Returns a field with its spaces; a browser sends two characters for a line break, and X counts one."""
    found = form.get(name, "")
    return found.replace("\r\n", "\n").replace("\0", "") if isinstance(found, str) else ""


def text_in(form: FormData, name: str) -> str:
    """Returns a field without the spaces around it."""
    return _raw(form, name).strip()


def texts_in(form: FormData, name: str) -> list[str]:
    """Returns all fields of a name."""
    return [one.replace("\0", "").strip() for one in form.getlist(name) if isinstance(one, str)]


def links_of(draft: Draft) -> list[tuple[NamedLink, bool]]:
    """Returns the links of the texts and those that have a name, each with whether it stands in a text."""
    public_url = load_settings().public_url
    texts = [text for part in draft.content.parts for text in part.texts]
    found = dict.fromkeys(url for text in texts for url in countable(text, [], public_url))
    named = {one.url: one for one in draft.content.links}
    written = [(named.get(url, NamedLink(url=url)), True) for url in found]
    return [*written, *((one, False) for url, one in named.items() if url not in found)]


#: The field of a finding, by the beginning of its code.
_FIELDS = (
    ("contact_date", "when"),
    ("validity", "validity"),
    ("ends_after_validity", "validity"),
    ("timetable", "when"),
    ("link_", "links"),
    ("personal_link", "links"),
    ("not_tracked", "links"),
    ("no_public_url", "links"),
    ("no_proof", "proof"),
    ("proof_", "proof"),
    ("no_target", "accounts"),
    ("target_", "accounts"),
    ("unknown_service", "accounts"),
    ("over_cap", "accounts"),
    ("cost", "accounts"),
    ("protected_", "accounts"),
    ("public_", "reply"),
    ("reply_settings", "reply"),
    ("paid_", "reply"),
    ("made_with", "reply"),
    ("same_text_to_several", "text-1"),
    ("no_parts", "text-1"),
)
#: Of broadcasts, before the others.
_OF_BROADCASTS = (
    ("no_text", "text-1"),
    ("text_broken", "text-1"),
    ("too_long", "text-1"),
    ("not_personal", "text-1"),
    ("no_opt_out_line", "accounts"),
    ("balance", "accounts"),
    ("no_message_permission", "accounts"),
    ("nobody", "audience"),
    ("limit", "audience"),
    ("list_", "audience"),
    ("unconsented", "audience"),
    ("too_many_waves", "waves"),
    ("two_kinds", "waves"),
    ("wave", "waves"),
    ("calendar_", "waves"),
    ("takes_long", "waves"),
    ("quiet_hours", "waves"),
)
_OF_FILES = ("file_", "too_many_media", "no_alt_text", "video_", "large_video")


def field_of(finding: Finding, draft: Draft) -> str:
    """Returns the field of the form that a finding is about; empty for the delivery as a whole."""
    number = finding.part
    if finding.code.startswith("poll_") and number:
        return f"poll-{number}"
    if finding.code.startswith(_OF_FILES):
        parts = enumerate(draft.content.parts, start=1)
        number = number or next(
            (place for place, part in parts for item in part.media if item.source in finding.sentence), 0
        )
        return f"files-{number}" if number else ""
    fields = (*_OF_BROADCASTS, *_FIELDS) if draft.kind is DeliveryKind.DM else _FIELDS
    known = next((name for beginning, name in fields if finding.code.startswith(beginning)), "")
    return known or (f"text-{number}" if number else "")


def by_field(findings: Sequence[Finding], draft: Draft) -> dict[str, list[Finding]]:
    """Returns the findings of each field."""
    found: dict[str, list[Finding]] = {}
    for finding in findings:
        found.setdefault(field_of(finding, draft), []).append(finding)
    return found


def differences(mine: Draft, theirs: Draft) -> list[tuple[str, str, str]]:
    """Returns what differs between two drafts beside their texts: the label of the field, mine, theirs."""
    rows: list[tuple[str, Any, Any]] = [
        (label, getattr(mine, name), getattr(theirs, name))
        for name, label in (
            ("label", N_("Name")),
            ("code", N_("Code")),
            ("description", N_("Description")),
            ("contact_date", N_("Goes out")),
            ("validity_days", N_("Valid for days")),
            ("proof_service", N_("Proof account")),
            ("tracking", N_("Count clicks")),
        )
    ]
    accounts = [", ".join(f"@{one}" for one in draft.services) for draft in (mine, theirs)]
    rows.append((N_("Accounts"), accounts[0], accounts[1]))
    for name, label in (
        ("reply_settings", N_("Who may reply")),
        ("paid_partnership", N_("Paid partnership")),
        ("made_with_ai", N_("Made with AI")),
    ):
        rows.append((label, getattr(mine.content, name), getattr(theirs.content, name)))
    return [(label, _shown(one), _shown(other)) for label, one, other in rows if one != other]


def _shown(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="minutes")
    if isinstance(value, bool):
        return N_("yes") if value else N_("no")
    return str(value or "-")


def change_parts(form: PostForm, do: str, number: int, source: str = "") -> PostForm:
    """Returns the form after a button: add-part below a part, remove-part, remove-file by its source."""
    parts = list(form.draft.content.parts)
    if do == "add-part":
        parts.insert(number, Part())
    elif do == "remove-part" and len(parts) > 1:
        del parts[max(0, number - 1) : number]
    elif do == "remove-file" and 1 <= number <= len(parts):
        media = [item for item in parts[number - 1].media if item.source != source]
        parts[number - 1] = parts[number - 1].model_copy(update={"media": media})
    return form.with_parts(parts)


def add_file(form: PostForm, number: int, item: MediaItem) -> PostForm:
    """Returns the form with one more file in a part."""
    parts = list(form.draft.content.parts)
    if 1 <= number <= len(parts):
        parts[number - 1] = parts[number - 1].model_copy(update={"media": [*parts[number - 1].media, item]})
    return form.with_parts(parts)
