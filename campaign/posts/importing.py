"""A month of posts in one CSV file: read strictly, analysed together, then saved as drafts."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from textwrap import shorten

from sqlmodel import Session

from campaign.audience.people_files import read_rows, refuse
from campaign.db.engine import read_session, transaction
from campaign.deliveries import approval, media, planning
from campaign.deliveries.draft import LIBRARY, Content, Draft, MediaItem, Part
from campaign.errors import CampaignError, WrongUsage
from campaign.formatting import read_time
from campaign.posts.prepare import analyse_delivery, analyse_post, render_draft
from campaign.settings import load_settings
from models import Delivery, DeliveryState, Service

COLUMNS = ("accounts", "date", "time", "text", "picture", "alt_text")
MOST_ROWS = 500
_ALSO = ("account", "label")
_LONGEST_LABEL = 50
_LONGEST_ALT_TEXT = 1_000
#: A row of a file needs no proof account, and without one this is in every row.
_NOT_SHOWN = {"no_proof_service"}


@dataclass(frozen=True, slots=True)
class ImportedPost:
    """A row of the file: what it describes, where it goes, and what was found."""

    line: int
    draft: Draft
    services: list[Service]
    zone: str
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def at(self) -> datetime:
        """Returns when it goes out."""
        assert self.draft.contact_date is not None  # noqa: S101  each row has a date
        return self.draft.contact_date

    @property
    def text(self) -> str:
        """Returns its text."""
        return self.draft.content.parts[0].text


@dataclass(frozen=True, slots=True)
class Saved:
    """What an import saved, and how many of these posts wait for approval."""

    names: list[str]
    waiting: int


def read_posts(file: Path, services: Sequence[Service]) -> list[ImportedPost]:
    """Reads the posts of a file, for these services only; raises WrongUsage that names every row with a problem."""
    by_name = {service.internal_name.lower(): service for service in services}
    with read_session() as session:
        rows = read_rows(
            file, [*COLUMNS, *_ALSO], ("text", "picture"), lambda cells: _read_row(session, cells, by_name)
        )
        if len(rows) > MOST_ROWS:
            raise WrongUsage(f"{file} has {len(rows):,} posts; import at most {MOST_ROWS} at once.")
        posts = [ImportedPost(line, *row) for line, row in rows]
        if not posts:
            raise WrongUsage(f"{file} has no posts below its headings; write one in each row.")
        refuse(file, [*_repeated(posts), *_saved_already(session, posts)])
    return posts


def _read_row(
    session: Session, cells: Mapping[str, str], by_name: Mapping[str, Service]
) -> tuple[Draft, list[Service], str]:
    names = re.split(r"[\s,;]+", cells["accounts"] or cells["account"])
    names = list(dict.fromkeys(name.removeprefix("@").lower() for name in names if name))
    chosen = [by_name[name] for name in names if name in by_name]
    zone = next((one.timezone for one in chosen if one.timezone), load_settings().timezone)
    problems = [] if names else ["accounts is empty; write the handle of an account, or several"]
    if unknown := [name for name in names if name not in by_name]:
        problems.append(f"there is no account {', '.join(unknown)} for which you may write")
    if not cells["text"] and not cells["picture"]:
        problems.append("text and picture are empty; fill one of them")
    moment, media = None, list[MediaItem]()
    try:
        moment = _moment_of(cells, zone)
    except WrongUsage as error:
        problems.append(str(error).removesuffix("."))
    try:
        media = _media_of(session, cells)
    except WrongUsage as error:
        problems.append(str(error).removesuffix("."))
    if problems:
        raise WrongUsage("; ".join(problems))
    text = cells["text"].replace("\r\n", "\n")
    label = cells["label"] or shorten(text, _LONGEST_LABEL, placeholder="…") or cells["picture"]
    content = Content(parts=[Part(text=text, media=media)])
    draft = Draft(label=label, services=[one.internal_name for one in chosen], content=content, contact_date=moment)
    return draft, chosen, zone


def _moment_of(cells: Mapping[str, str], zone: str) -> datetime:
    if not cells["date"] or not cells["time"]:
        raise WrongUsage("date or time is empty; write them like 2026-12-24 and 09:00")
    return read_time(f"{cells['date']}T{cells['time'].zfill(5)}", zone)


def _media_of(session: Session, cells: Mapping[str, str]) -> list[MediaItem]:
    if not cells["picture"]:
        if cells["alt_text"]:
            raise WrongUsage("alt_text describes a picture, and picture is empty")
        return []
    if len(cells["alt_text"]) > _LONGEST_ALT_TEXT:
        raise WrongUsage(f"alt_text is longer than {_LONGEST_ALT_TEXT:,} characters")
    blob = media.find(session, cells["picture"])
    return [MediaItem(source=LIBRARY + blob.name, alt_text=cells["alt_text"] or blob.alt_text)]


def _key(draft: Draft) -> tuple[object, ...]:
    return draft.contact_date, frozenset(name.lower() for name in draft.services), draft.content.parts[0].text


def _repeated(posts: Sequence[ImportedPost]) -> list[tuple[int, str]]:
    first: dict[tuple[object, ...], int] = {}
    return [
        (post.line, f"it is the same post as in line {before}; leave one of them out")
        for post in posts
        if (before := first.setdefault(_key(post.draft), post.line)) != post.line
    ]


def _saved_already(session: Session, posts: Sequence[ImportedPost]) -> list[tuple[int, str]]:
    """Returns the posts that are there already, as after a second import of the same file."""
    known = {
        (one.at, one.accounts, one.texts[:1]): one.name for one in planning.planned_texts(session, *_span(posts), None)
    }
    keys = [(post.at, frozenset(one.id for one in post.services), (post.text,)) for post in posts]
    return [
        (post.line, f"it is saved already, as {known[key]}; leave it out")
        for post, key in zip(posts, keys, strict=True)
        if key in known
    ]


def _span(posts: Sequence[ImportedPost]) -> tuple[datetime, datetime]:
    moments, margin = [post.at for post in posts], planning.SAME_TEXT_WITHIN
    return min(moments) - margin, max(moments) + margin


def analyse_posts(posts: Sequence[ImportedPost]) -> list[ImportedPost]:
    """Returns the posts with what is wrong with each, alone and beside the others and those already planned.

    Saves and sends nothing.
    """
    found = []
    for post in posts:
        analysis = analyse_post(render_draft(post.draft, post.services, None, None))
        warnings = [one.sentence for one in analysis.warnings if one.code not in _NOT_SHOWN]
        found.append(
            ImportedPost(
                post.line, post.draft, post.services, post.zone, [one.sentence for one in analysis.errors], warnings
            )
        )
    with read_session() as session:
        planned = planning.planned_texts(session, *_span(posts), None)
    mine = [
        planning.PlannedText(f"line {post.line}", post.at, frozenset(one.id for one in post.services), (post.text,))
        for post in found
    ]
    by_line = {f"line {post.line}": post for post in found}
    labels = {one.name: one.label for one in planned if one.label}
    for one in planning.collisions([*planned, *mine]):
        for name, other in ((one.one, one.other), (one.other, one.one)):
            if name in by_line:
                by_line[name].warnings.append(one.sentence(labels.get(other, other)))
    return found


def save_posts(posts: Sequence[ImportedPost], actor: str, now: datetime, *, ask: bool) -> Saved:
    """Saves all posts as drafts, or none, and analyses each; with `ask`, those without errors wait for approval."""
    with transaction() as session:
        names = [
            approval.compose_in(session, post.draft, post.services, None, actor=actor, now=now).name for post in posts
        ]
    return Saved(names, analyse_saved(names, actor, now, ask=ask))


def analyse_saved(names: Sequence[str], actor: str, now: datetime, *, ask: bool) -> int:
    """Analyses saved posts, and with `ask` asks for approval; returns how many are ready for it.

    What cannot be analysed, as when X cannot be reached, stays a draft.
    """
    ready = 0
    for name in names:
        try:
            analysed = analyse_delivery(name, actor)
        except CampaignError:
            continue
        with transaction() as session:
            delivery = session.get_one(Delivery, analysed.rendered.delivery.id)
            if delivery.state is DeliveryState.ANALYSED:
                ready += 1
                if ask:
                    approval.ask(session, delivery, actor, now)
    return ready
