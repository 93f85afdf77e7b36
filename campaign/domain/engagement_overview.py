"""All services and the newest deliveries, side by side."""

from dataclasses import dataclass

from campaign.domain.engagement_delivery import DeliveryNumbers
from campaign.domain.engagement_service import ServiceLine

NEWEST_DELIVERIES = 50


@dataclass(frozen=True, slots=True)
class Overview:
    """The report of everything."""

    services: tuple[ServiceLine, ...] = ()
    deliveries: tuple[DeliveryNumbers, ...] = ()
    """The newest that went out, without their hours."""

    def as_json(self) -> dict[str, object]:
        """The report as scripts read it."""
        return {
            "services": [one.as_json() for one in self.services],
            "deliveries": [one.in_short() for one in self.deliveries],
        }
