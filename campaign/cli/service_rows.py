"""A service as the commands show it."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from campaign.domain.spending import usd
from models import Service


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """A service with what it was charged this month, in US dollars."""

    service: Service
    spent: Decimal

    def describe(self) -> dict[str, Any]:
        """The service for scripts, without its keys."""
        service = self.service
        return {
            "service": service.internal_name,
            "label": service.label,
            "visitor_folder": service.visitor_folder,
            "synchronize": service.synchronize,
            "proof": service.proof,
            "api_version": service.api_version.value,
            "owned": service.owned,
            "spend_cap_usd": f"{service.spend_cap:.2f}",
            "spent_usd": f"{self.spent:.2f}",
            "followers": service.followers_count,
            **self.messages(),
            **self.sharing(),
            **self.check_result(),
        }

    def messages(self) -> dict[str, Any]:
        """What its direct messages follow."""
        service = self.service
        return {
            "message_policy": service.message_policy.value,
            "opt_out_line": service.opt_out_line,
            "frequency_cap": service.frequency_cap,
            "frequency_days": service.frequency_days,
            "quiet_hours": service.quiet_hours,
            "timezone": service.timezone,
            "daily_limit": service.daily_limit,
        }

    def sharing(self) -> dict[str, Any]:
        """What people are asked to share, and why."""
        service = self.service
        return {
            "join_purpose": service.join_purpose,
            "asks_email": service.asks_email,
            "oauth2": service.has_oauth2,
            "reconciliation": service.reconciliation,
        }

    def check_result(self) -> dict[str, Any]:
        """What the last check found."""
        service = self.service
        return {
            "state": service.state.value,
            "handle": service.x_username or service.internal_name,
            "x_user_id": service.x_user_id,
            "access_level": service.access_level,
            "problems": service.problems.splitlines(),
        }

    def as_row(self) -> dict[str, str]:
        """The service for people."""
        service = self.service
        return {
            "Service": service.internal_name,
            "Label": service.label,
            "State": service.state.value.replace("_", " "),
            "Followers": f"{service.followers_count:,}" if service.followers_count is not None else "",
            "Synchronized": "yes" if service.synchronize else "no",
            "Proof": "yes" if service.proof else "",
            "Spent": f"{usd(self.spent)} of {usd(service.spend_cap)}",
            "Problems": service.problems,
        }
