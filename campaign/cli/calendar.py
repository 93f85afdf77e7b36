"""`campaign slot`, `series`, `delivery import` and `media`: posts planned ahead, and the files that deliveries send.

The files lie in a library which every worker reaches.
"""

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import pendulum
import typer
from sqlmodel import Session

from campaign.cli import output
from campaign.cli.delivery import check_x, make_ready, unschedule
from campaign.cli.output import AsJson
from campaign.db import engine
from campaign.db.engine import read_session, transaction
from campaign.deliveries import media, planning
from campaign.deliveries import store as deliveries
from campaign.deliveries.approval import current_user
from campaign.deliveries.draft import LIBRARY, Draft, MediaItem
from campaign.deliveries.media import in_media_folder
from campaign.deliveries.media_types import Unusable
from campaign.errors import WrongUsage
from campaign.formatting import format_time
from campaign.services import store as services
from models import Every, MediaBlob, Service, Slot

ServiceName = Annotated[str, typer.Argument(metavar="SERVICE", help="The internal name of a service.")]
Weekday = Annotated[str, typer.Argument(metavar="DAY", help="The day of the week: Monday or Mon.")]
Clock = Annotated[str, typer.Argument(metavar="TIME", help="The time of the day: 09:30.")]
Zone = Annotated[str, typer.Option("--timezone", help="The time zone; without it that of the service.")]


def list_slots(as_json: AsJson = False) -> None:
    """List the weekly slots of services, and the next one that is free."""
    make_ready()
    with read_session() as session:
        by_id = {one.id: one for one in services.list_connected(session)}
        found = planning.list_slots(session, list(by_id))
        free = {one.id: planning.next_free(session, [one], pendulum.now("UTC")) for one in by_id.values()}
    if as_json:
        output.print_json([_slot_as_json(one, by_id[one.service_id]) for one in found])
        return
    output.print_table([{"Service": by_id[one.service_id].internal_name, "Slot": str(one)} for one in found])
    for service_id, moment in free.items():
        if moment:
            zone = services.zone_of(by_id[service_id])
            local = format_time(pendulum.instance(moment).in_timezone(zone))
            output.say(f"The next free slot of {by_id[service_id].internal_name} is {local}.")
    if not found:
        output.say("There is no slot yet; add one: campaign slot add SERVICE Monday 09:30")


def add_slot(service: ServiceName, day: Weekday, clock: Clock, zone: Zone = "", as_json: AsJson = False) -> None:
    """Add a weekly slot, which the form of a post at the desk offers."""
    make_ready()
    chosen = services.find_service(service)
    weekday, time = planning.read_weekday(day), planning.read_clock(clock)
    named = planning.read_zone(zone or services.zone_of(chosen))
    with transaction() as session:
        now = pendulum.now("UTC")
        slot = planning.add_slot(session, chosen, weekday, time, named, actor=current_user(), now=now)
    if as_json:
        output.print_json(_slot_as_json(slot, chosen))
    else:
        output.say(f"{chosen.internal_name} has the slot {slot}.")


def remove_slot(service: ServiceName, day: Weekday, clock: Clock) -> None:
    """Remove a weekly slot; what was planned with it stays."""
    make_ready()
    chosen, weekday, time = services.find_service(service), planning.read_weekday(day), planning.read_clock(clock)
    with transaction() as session:
        found = [
            one
            for one in planning.list_slots(session, [chosen.id])
            if (one.weekday, one.clock) == (weekday, f"{time:%H:%M}")
        ]
        if not found:
            raise WrongUsage(f"{chosen.internal_name} has no such slot; `campaign slot list` shows them.")
        for one in found:
            planning.remove_slot(session, chosen, one, actor=current_user(), now=pendulum.now("UTC"))
    output.say(f"{chosen.internal_name} has no slot at {found[0]} any more.")


def _slot_as_json(slot: Slot, service: Service) -> dict[str, Any]:
    return {"service": service.internal_name} | slot.model_dump(include={"weekday", "clock", "timezone"})


SeriesNumber = Annotated[int, typer.Argument(metavar="SERIES", help="The number of a series.")]


def list_series(as_json: AsJson = False) -> None:
    """List the series of posts, the newest first."""
    make_ready()
    rows, document = [], []
    with read_session() as session:
        for one in planning.list_series(session):
            made = planning.deliveries_of(session, one)
            names = [delivery.name for delivery in made if delivery.state in deliveries.EDITABLE]
            end = f"until {one.until}" if one.until else f"{one.count} times" if one.count else "without an end"
            state = "stopped" if one.stopped_at else one.problem or "goes on"
            rows.append(
                {
                    "Series": str(one.id),
                    "Post": one.label,
                    "Every": one.every.value,
                    "At": f"{one.clock} ({one.timezone})",
                    "From": str(one.starts_on),
                    "End": end,
                    "Planned": f"{len(names):,}",
                    "State": state,
                }
            )
            document.append(one.model_dump(mode="json", exclude={"draft"}) | {"planned": names})
    if as_json:
        output.print_json(document)
        return
    output.print_table(rows)
    if not rows:
        output.say("There is no series yet; repeat a post: campaign series create DELIVERY --every week")


def create_series(
    delivery: Annotated[str, typer.Argument(metavar="DELIVERY", help="A post with a date; the first of the series.")],
    every: Annotated[Every, typer.Option(help="How often it is repeated.")],
    until: Annotated[str, typer.Option(help="The last day on which it is repeated: 2027-06-30.")] = "",
    times: Annotated[int | None, typer.Option(help="How many posts the series has, the first one included.")] = None,
    as_json: AsJson = False,
) -> None:
    """Repeat a post at the same local time. Each post of the series is a delivery of its own."""
    make_ready()
    try:
        last = date.fromisoformat(until) if until else None
    except ValueError:
        raise WrongUsage(f"{until!r} is not a day; write it like 2027-06-30.") from None
    with read_session() as session:
        targets = deliveries.targets_of(session, deliveries.named(session, delivery))
    zone = services.zone_of(*targets)
    made = planning.create_series(delivery, every, zone, current_user(), until=last, times=times)
    with read_session() as session:
        found = planning.get_series(session, made.id)
        names = [one.name for one in planning.deliveries_of(session, found)]
    if as_json:
        output.print_json(found.model_dump(mode="json", exclude={"draft"}) | {"planned": names})
        return
    output.say(f"Series {found.id} has {len(names)} posts until now: {', '.join(names)}.")
    output.say(found.problem or "Further ones are made eight weeks ahead, as drafts. Each is analysed and confirmed.")


def ask_for_series(number: SeriesNumber) -> None:
    """Analyse the drafts of a series, and ask for approval of those without errors."""
    from campaign.posts.importing import analyse_saved

    make_ready()
    check_x()
    with read_session() as session:
        names = planning.drafts_of(session, planning.get_series(session, number))
    ready = analyse_saved(names, current_user(), pendulum.now("UTC"), ask=True)
    output.say(f"{ready} of {len(names)} drafts wait for approval; the others have errors and stay drafts.")


def stop_series(number: SeriesNumber) -> None:
    """Stop a series, with its posts of which nothing has gone out."""
    make_ready()
    stopped = planning.stop_series(number, current_user())
    for before in stopped:
        unschedule(before)
    output.say(f"Series {number} is stopped, with {len(stopped)} of its posts.")


def import_posts(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file; see docs/deliveries.md.")],
    check: Annotated[bool, typer.Option("--check", help="Only show what is found; save nothing.")] = False,
    ask: Annotated[bool, typer.Option("--ask", help="Ask for approval of those without errors.")] = False,
    as_json: AsJson = False,
) -> None:
    """Import posts from a CSV file as drafts, and analyse all. Nothing is saved when a row of it cannot be used."""
    from campaign.posts.importing import analyse_posts, read_posts, save_posts

    make_ready()
    check_x()
    with read_session() as session:
        known = services.list_connected(session)
    posts = analyse_posts(read_posts(file, known))
    saved = None if check else save_posts(posts, current_user(), pendulum.now("UTC"), ask=ask)
    names = saved.names if saved else [""] * len(posts)
    if as_json:
        output.print_json(
            [
                {"line": one.line, "delivery": name, "errors": one.errors, "warnings": one.warnings}
                for one, name in zip(posts, names, strict=True)
            ]
        )
        return
    rows = []
    for one, name in zip(posts, names, strict=True):
        found = [f"ERROR: {sentence}" for sentence in one.errors] + one.warnings
        at = format_time(pendulum.instance(one.at).in_timezone(one.zone))
        rows.append(
            {"Line": str(one.line), "Goes out": at, "Delivery": name or one.draft.label, "Found": " ".join(found)}
        )
    output.print_table(rows)
    if saved:
        what = "wait for approval" if ask else "can be confirmed"
        output.say(f"{len(names)} drafts were saved; {saved.waiting} of them {what}.")
    else:
        output.say("Nothing was saved. Save them: campaign delivery import FILE")


Name = Annotated[str, typer.Argument(metavar="NAME", help="Its name, or the SHA-256 of its bytes.")]


def add_files(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Pictures, GIFs or videos.")],
    alt: Annotated[str, typer.Option(help="What the file shows; for posts that do not describe it themselves.")] = "",
    as_json: AsJson = False,
) -> None:
    """Add files to the media library, and print how deliveries name them."""
    if alt and len(files) > 1:
        raise WrongUsage("--alt describes one file; add the files one by one.")
    engine.make_ready()
    blobs = []
    for file in files:
        with transaction() as session:
            blob = _take_in(session, file, alt)
            blob.alt_text = alt or blob.alt_text
            blobs.append(blob)
    _print(blobs, as_json=as_json)


def list_media(
    search: Annotated[str, typer.Argument(help="Only files with this in their name or description.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the media library, the newest files first."""
    engine.make_ready()
    with read_session() as session:
        _print(media.listed(session, search), as_json=as_json)


def remove_file(name: Name) -> None:
    """Remove a file from the media library."""
    engine.make_ready()
    with transaction() as session:
        blob = media.remove(session, name, current_user(), pendulum.now("UTC"))
    output.say(f"{blob.name} was removed from the media library.")


def take_files_in(draft: Draft) -> Draft:
    """Adds the local files of a draft to the library, and names them so; files of the media folder stay there.

    The person at the terminal may read them; a form or a template, which names a path only, must not.
    """
    with transaction() as session:
        parts = [
            part.model_copy(update={"media": [_taken_in(session, item) for item in part.media]})
            for part in draft.content.parts
        ]
    return draft.model_copy(update={"content": draft.content.model_copy(update={"parts": parts})})


def _taken_in(session: Session, item: MediaItem) -> MediaItem:
    if item.is_in_library or "://" in item.source:
        return item
    try:
        in_media_folder(item.source)
    except Unusable:
        blob = _take_in(session, Path(item.source), item.alt_text)
        return item.model_copy(update={"source": LIBRARY + blob.name})
    return item


def _take_in(session: Session, file: Path, alt_text: str) -> MediaBlob:
    try:
        file = file.expanduser()
        content = file.open("rb") if file.is_file() else None
    except (OSError, ValueError, RuntimeError):
        content = None
    if content is None:
        raise WrongUsage(f"{file} is not a file that you can read; name a picture, a GIF or a video.")
    with content:
        return media.save(session, file.name, content, current_user(), pendulum.now("UTC"), alt_text)


def _print(blobs: list[MediaBlob], *, as_json: bool) -> None:
    if as_json:
        output.print_json([{"source": LIBRARY + blob.name} | blob.model_dump(mode="json") for blob in blobs])
        return
    output.print_table(
        [
            {
                "File": LIBRARY + blob.name,
                "Type": blob.media_type,
                "Pixels": f"{blob.width} x {blob.height}",
                "Size": f"{max(1, round(blob.size / 1000)):,} kB",
                "Added": format_time(blob.added_at),
                "By": blob.added_by,
                "Shows": blob.alt_text,
            }
            for blob in blobs
        ]
    )
    if not blobs:
        output.say("There is no such file in the media library; add one: campaign media add FILE")
