"""`campaign slot`, `campaign series` and `campaign delivery import`: posts planned ahead."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import pendulum
import typer

from campaign.cli import output
from campaign.cli.delivery import check_x, make_ready, unschedule
from campaign.cli.output import AsJson
from campaign.db.engine import read_session, transaction
from campaign.deliveries import planning
from campaign.deliveries import store as deliveries
from campaign.deliveries.approval import current_user
from campaign.errors import WrongUsage
from campaign.formatting import format_time
from campaign.services import store as services
from models import Every, Service, Slot

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
