"""What came of deliveries, put together from the log, the clicks and what X counted."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from sqlalchemy import func
from sqlmodel import Session, col, select

from campaign.domain.engagement_costs import Tariff
from campaign.domain.engagement_delivery import DeliveryNumbers
from campaign.domain.engagement_posts import LinkNumbers, PostNumbers
from campaign.domain.findings import Analysis
from campaign.store import clicks, engagement_posts
from campaign.store.clicks import Clicks
from models import MAIN, Delivery, DeliveryKind, DeliveryTarget, Message, MessageState, Service


def numbers_of(session: Session, delivery: Delivery, tariff: Tariff) -> DeliveryNumbers:
    """The report of one delivery."""
    [numbers] = in_short(session, [delivery], tariff)
    links = tuple(
        LinkNumbers(one.number, one.url, one.label, one.category, one.clicks.people, one.clicks.robots)
        for one in clicks.by_link(session, delivery.id)
    )
    return replace(numbers, links=links, clicks_by_hour=tuple(clicks.by_hour(session, delivery.id)))


def newest(session: Session, at_most: int) -> list[Delivery]:
    """The newest deliveries of which something went out or is about to."""
    begun = select(Delivery).where(col(Delivery.started_at).is_not(None))
    return list(session.exec(begun.order_by(col(Delivery.started_at).desc(), col(Delivery.id).desc()).limit(at_most)))


@dataclass(frozen=True, slots=True)
class _Known:
    """What several deliveries have in the log and elsewhere, by their ids."""

    states: Mapping[int, Counter[MessageState]]
    services: Mapping[int, list[str]]
    texts: Mapping[int, list[str]]
    posts: Mapping[int, list[PostNumbers]]
    clicks: Mapping[int, Clicks]


def in_short(session: Session, deliveries: Sequence[Delivery], tariff: Tariff) -> list[DeliveryNumbers]:
    """The reports of several deliveries, without their links and hours; each figure is one statement for all."""
    ids = [one.id for one in deliveries]
    posts = [one.id for one in deliveries if one.kind is DeliveryKind.POST]
    known = _Known(
        states=_states(session, ids),
        services=_services(session, ids),
        texts=_texts(session, posts),
        posts=engagement_posts.of_deliveries(session, posts),
        clicks=clicks.of_deliveries(session, ids),
    )
    return [_numbers(delivery, known, tariff) for delivery in deliveries]


def _numbers(delivery: Delivery, known: _Known, tariff: Tariff) -> DeliveryNumbers:
    states, clicked = known.states.get(delivery.id, Counter()), known.clicks.get(delivery.id, Clicks())
    return DeliveryNumbers(
        name=delivery.name,
        label=delivery.label,
        kind=delivery.kind,
        state=delivery.state,
        services=tuple(known.services.get(delivery.id, ())),
        started_at=delivery.started_at,
        finished_at=delivery.finished_at,
        targeted=_targeted(delivery, states),
        sent=states[MessageState.SENT],
        clicked=clicked.messages,
        clicks=clicked.people,
        robot_clicks=clicked.robots,
        cost=_cost(delivery, states[MessageState.SENT], known.texts.get(delivery.id, ()), tariff),
        posts=tuple(known.posts.get(delivery.id, ())),
    )


def _targeted(delivery: Delivery, states: Counter[MessageState]) -> int:
    """Of a broadcast also those who got nothing for a good reason."""
    if delivery.kind is DeliveryKind.DM and delivery.analysis:
        return max(Analysis.model_validate_json(delivery.analysis).targeted, states.total())
    return states.total()


def _cost(delivery: Delivery, sent: int, texts: Sequence[str], tariff: Tariff) -> Decimal:
    return tariff.of_messages(sent) if delivery.kind is DeliveryKind.DM else tariff.of_posts(texts)


def _states(session: Session, delivery_ids: Sequence[int]) -> Mapping[int, Counter[MessageState]]:
    counted = select(col(Message.delivery_id), col(Message.state), func.count())
    of_them = counted.where(col(Message.delivery_id).in_(delivery_ids), col(Message.proof_number) == MAIN)
    found: dict[int, Counter[MessageState]] = defaultdict(Counter[MessageState])
    for delivery_id, state, count in session.execute(of_them.group_by(col(Message.delivery_id), col(Message.state))):
        found[delivery_id][state] = count
    return found


def _services(session: Session, delivery_ids: Sequence[int]) -> Mapping[int, list[str]]:
    named = select(DeliveryTarget.delivery_id, Service.internal_name).join(
        Service, col(Service.id) == col(DeliveryTarget.service_id)
    )
    of_them = named.where(col(DeliveryTarget.delivery_id).in_(delivery_ids))
    found: dict[int, list[str]] = defaultdict(list)
    for delivery_id, name in session.exec(of_them.order_by(col(Service.id))):
        found[delivery_id].append(name)
    return found


def _texts(session: Session, delivery_ids: Sequence[int]) -> Mapping[int, list[str]]:
    """What the published posts say, for a link makes them dearer."""
    sent = select(Message.delivery_id, Message.text).where(
        col(Message.delivery_id).in_(delivery_ids),
        col(Message.proof_number) == MAIN,
        col(Message.state) == MessageState.SENT,
    )
    found: dict[int, list[str]] = defaultdict(list)
    for delivery_id, text in session.exec(sent):
        found[delivery_id].append(text)
    return found
