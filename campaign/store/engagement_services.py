"""What came of everything on a service, and on all services side by side."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import func, text
from sqlmodel import Session, col, select

from campaign.domain.engagement import added, rate_of
from campaign.domain.engagement_costs import Tariff
from campaign.domain.engagement_overview import NEWEST_DELIVERIES, Overview
from campaign.domain.engagement_posts import PostNumbers
from campaign.domain.engagement_service import LAST_DAYS, LAST_DELIVERIES, ServiceLine, ServiceStatistics
from campaign.store import engagement_deliveries, engagement_posts, statistics_audience
from campaign.store.acquisitions import acquisition_of
from models import MAIN, Charge, Click, Message, MessageState, Service
from models.message import TRIED


def numbers_of(session: Session, service: Service, timezone: str) -> ServiceStatistics:
    """The report of one service; `timezone` is that of the hours where the service has none of its own."""
    posts = engagement_posts.of_last_deliveries(session, service.id, LAST_DELIVERIES)
    return ServiceStatistics(
        name=service.internal_name,
        label=service.label,
        timezone=service.timezone or timezone,
        days=tuple(statistics_audience.days_since(session, service.id)),
        posts=tuple(post for each in posts.values() for post in each),
        deliveries=len(posts),
        acquisition=acquisition_of(session, service),
    )


def overview(session: Session, tariff: Tariff, now: datetime) -> Overview:
    """All services that are saved, and the newest deliveries; each figure is one statement for all of them."""
    saved = session.exec(select(Service).where(col(Service.block_id).is_not(None)).order_by(col(Service.internal_name)))
    figures = _Figures(session, now)
    newest = engagement_deliveries.newest(session, NEWEST_DELIVERIES)
    return Overview(
        services=tuple(figures.line_of(service) for service in saved),
        deliveries=tuple(engagement_deliveries.in_short(session, newest, tariff)),
    )


class _Figures:
    """The last days of all services, by service."""

    def __init__(self, session: Session, now: datetime) -> None:
        since = now - timedelta(days=LAST_DAYS)
        self._audience = statistics_audience.changes_of_all(session, now, LAST_DAYS)
        self._posts: Mapping[int, list[PostNumbers]] = engagement_posts.since(session, since)
        self._messages = _by_service(session, _messages_since(since))
        self._clicks = _by_service(session, _clicks_since(since))
        self._spent = _by_service(session, _spent_since(since))

    def line_of(self, service: Service) -> ServiceLine:
        """One service."""
        followers, gained, lost = self._audience.get(service.id, (None, 0, 0))
        posts = [post.engagement for post in self._posts.get(service.id, ())]
        return ServiceLine(
            name=service.internal_name,
            label=service.label,
            followers=followers,
            gained=gained,
            lost=lost,
            posts=len(posts),
            messages=self._messages.get(service.id, 0),
            clicks=self._clicks.get(service.id, 0),
            spent=self._spent.get(service.id) or Decimal(0),
            engagement=added(posts),
            rate=rate_of(posts),
        )


def _by_service(session: Session, counted: Any) -> dict[int, Any]:
    return dict(session.execute(counted).tuples().all())


def _messages_since(moment: datetime) -> Any:
    # In the very words of the index that holds what was tried lately.
    sent = text(TRIED), col(Message.proof_number) == MAIN, col(Message.state) == MessageState.SENT
    counted = select(col(Message.service_id), func.count()).where(*sent, col(Message.armed_at) >= moment)
    return counted.group_by(col(Message.service_id))


def _clicks_since(moment: datetime) -> Any:
    clicked = select(col(Message.service_id), func.count()).join(Click, col(Click.message_id) == col(Message.id))
    people = col(Click.is_robot).is_(False), col(Message.proof_number) == MAIN, col(Click.clicked_at) >= moment
    return clicked.where(*people).group_by(col(Message.service_id))


def _spent_since(moment: datetime) -> Any:
    charged = select(col(Charge.service_id), func.sum(col(Charge.amount))).where(col(Charge.at) >= moment)
    return charged.group_by(col(Charge.service_id))
