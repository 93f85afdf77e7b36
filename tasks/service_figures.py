"""What the analysis of a broadcast needs to know of each of its services."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from campaign.domain.broadcast_analysis import BroadcastTarget
from campaign.domain.waves import WaveShare
from campaign.store import budgets, ledgers, waves
from campaign.x.gateway import message_terms
from models import Delivery, MessagePolicy, Service
from tasks.allowing import allowance_of
from tasks.desks import NO_MESSAGES, quiet_hours_of
from tasks.recipients import Aimed


def figures_of(
    session: Session, delivery: Delivery, aimed: Aimed, shares: Sequence[WaveShare], now: datetime
) -> BroadcastTarget:
    """Whom it reaches on a service, what X and the service allow, and what is in the way."""
    service = aimed.service
    terms, quiet = message_terms(service.api_version.value), quiet_hours_of(service)
    told = {window.name: window.limit for window in budgets.windows_of(session, service, terms.message_endpoint)}
    removed = "" if service.block_id else f"The service {service.internal_name} has been removed."
    return BroadcastTarget(
        service_id=service.id,
        internal_name=service.internal_name,
        label=service.label,
        recipients=aimed.recipients,
        targeted=aimed.targeted,
        waves=shares,
        limits={**terms.message_limits, **told},
        allowance=allowance_of(session, service, terms, quiet, now),
        excluded=dict(aimed.excluded),
        unconsented=_unconsented(session, delivery, service),
        policy=service.message_policy,
        blocked_because=service.problems if service.blocked else removed,
        can_send_messages=service.access_level not in NO_MESSAGES,
        opt_out_line=service.opt_out_line,
        left=ledgers.left(session, service.id, now),
        message_price=terms.message_price.usd,
        event_price=terms.event_price.usd,
        app=service.app,
        quiet=quiet,
        daily_limit=service.daily_limit,
    )


def _unconsented(session: Session, delivery: Delivery, service: Service) -> int:
    if service.message_policy is MessagePolicy.CONSENTED_ONLY:
        return 0  # they are excluded
    return waves.unconsented(session, delivery.id, service.id)
