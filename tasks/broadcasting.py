"""The steps of sending broadcasts: which are due, begin, send on each service, conclude."""

from collections.abc import Sequence
from datetime import timedelta

import pendulum
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger
from sqlmodel import Session

from campaign.domain.check import sentence_of
from campaign.domain.rendered import LoadedFile
from campaign.errors import NotPossible, ServiceBlocked, WrongUsage, XError
from campaign.store import attempts, broadcasts, deliveries, delivery_states, messages, services, waves
from campaign.store.claims import Claim, claim
from campaign.store.engine import reading, writing
from models import Delivery, DeliveryKind, DeliveryState, MessageState, Service
from tasks.desk import Letter, Record
from tasks.desks import OnChange, desk_of
from tasks.linking import links_in
from tasks.mailing import send_what_is_due
from tasks.marking import Marked, marked, text_for
from tasks.opening import open_up
from tasks.pausing import pause_all
from tasks.progress import End, Progress
from tasks.retrying import RETRIES
from tasks.services import check_service

#: How long X is left alone when it was away.
AWAY_FOR = timedelta(minutes=5)
_OPEN = (MessageState.PENDING, MessageState.SENDING, MessageState.UNCERTAIN)


def due_broadcasts() -> list[str]:
    """The names of the broadcasts whose time has come."""
    with reading() as session:
        return [delivery.name for delivery in broadcasts.due(session, pendulum.now("UTC"))]


@task(name="begin", task_run_name="begin {name}")
def begin_broadcast(name: str, actor: str) -> None:
    """Let a confirmed broadcast go out; raises NotPossible when it is not, or no longer, what somebody said yes to."""
    broadcast = marked(name)
    if broadcast.delivery.kind is not DeliveryKind.DM:
        raise WrongUsage(f"{name} is a post; run post-publication for it.")
    with writing() as session:
        delivery = deliveries.named(session, name)
        reason = open_up(session, delivery, broadcast.mark, actor, pendulum.now("UTC"))
    if reason is not None:
        raise NotPossible(reason)


def under_way() -> list[Marked]:
    """The broadcasts that go out now; one that was changed behind the back of its confirmation fails instead."""
    with reading() as session:
        names = [delivery.name for delivery in broadcasts.under_way(session)]
    going = []
    for broadcast in map(marked, names):
        with writing() as session:
            delivery = deliveries.get(session, broadcast.delivery.id)
            if open_up(session, delivery, broadcast.mark, "dm-broadcast", pendulum.now("UTC")) is None:
                going.append(broadcast)
    return going


def services_at_work(going: Sequence[Marked], names: Sequence[str]) -> list[Service]:
    """The services of these broadcasts, and those with messages of which nobody knows what came."""
    wanted = {service.id for broadcast in going if broadcast.delivery.name in names for service in broadcast.services}
    with reading() as session:
        wanted |= set(attempts.with_unsettled(session))
        return [services.get(session, service_id) for service_id in sorted(wanted)]


def letters_for(service: Service, going: Sequence[Marked], records: dict[int, Record]) -> dict[int, Letter]:
    """What a service sends: its part of each broadcast."""
    return {
        one.delivery.id: Letter(
            one.delivery.id,
            one.delivery.name,
            one.stamp,
            text_for(one.draft, service, one.delivery.id),
            _file(one.files),
            records[one.delivery.id],
            links_in(one.draft, service),
        )
        for one in going
        if service.id in {target.id for target in one.services}
    }


def _file(files: Sequence[LoadedFile]) -> LoadedFile | None:
    return files[0] if files else None


def records_of(going: Sequence[Marked]) -> dict[int, Record]:
    """What X said lately of each broadcast."""
    with reading() as session:
        return {
            one.delivery.id: Record(
                broadcasts.last_outcomes(session, one.delivery.id, [service.id for service in one.services])
            )
            for one in going
        }


@task(name="send", task_run_name="send from {service.internal_name}", cache_policy=NO_CACHE, **RETRIES)
def work_for(service: Service, letters: dict[int, Letter], on_change: OnChange) -> Progress:
    """Read a service's inbox, then send as many of its messages as X allows now; never fails other services.

    One step of the run for each service: a thousand services are a thousand steps. Raises XError when X was away and
    trying again at once may help.
    """
    log = get_run_logger()
    try:
        with claim(service.id, service.internal_name, Claim.MESSAGES):
            checked = check_service.fn(service)
            return send_what_is_due(desk_of(checked, dict(letters), on_change, log.info))
    except ServiceBlocked as error:
        end = End.CAPPED if error.reason == "cap" else End.BLOCKED
        if end is End.BLOCKED:
            pause_all(service, error, pendulum.now("UTC"))
        return Progress(service.id, end, f"{service.internal_name}: {sentence_of(error)}")
    except NotPossible as error:
        return Progress(service.id, End.BLOCKED, f"{service.internal_name}: {error}")


def end_of(service: Service, result: Progress | Exception) -> Progress:
    """How a service ended; where X was away for longer than a step tries, it goes on in some minutes."""
    if isinstance(result, XError):
        until = pendulum.now("UTC") + AWAY_FOR
        return Progress(service.id, End.WAITING, f"{service.internal_name}: {result}", until)
    if isinstance(result, Exception):
        raise result
    return result


def what_is_left(names: Sequence[str]) -> list[str]:
    """Those of the broadcasts that still go out: a run that only goes on has nothing to say of the others."""
    with reading() as session:
        states = {name: deliveries.named(session, name).state for name in names}
    return [name for name, state in states.items() if state in {DeliveryState.CONFIRMED, DeliveryState.IN_PROGRESS}]


@task(name="conclude", task_run_name="conclude {name}")
def conclude_broadcast(name: str) -> Delivery:
    """Bring the state of a broadcast in line with its log."""
    with writing() as session:
        delivery, now = deliveries.named(session, name), pendulum.now("UTC")
        if delivery.state is DeliveryState.IN_PROGRESS:
            _conclude(session, delivery, is_expired=deliveries.is_expired(delivery, now))
        return delivery


def _conclude(session: Session, delivery: Delivery, *, is_expired: bool) -> None:
    now, cancelled = pendulum.now("UTC"), 0
    if is_expired:
        cancelled = messages.cancel_pending(session, delivery, now, "The validity of the delivery ended.")
    numbers = waves.count_by_state(session, delivery.id)
    if any(numbers[state] for state in _OPEN):
        return
    if is_expired and (cancelled or numbers[MessageState.CANCELLED]):
        reason = f"Its validity ended; {cancelled:,} of {numbers.total():,} messages did not go out."
        delivery_states.move(session, delivery, DeliveryState.EXPIRED, "dm-broadcast", now, reason)
    else:
        delivery_states.move(session, delivery, DeliveryState.FINISHED, "dm-broadcast", now)
