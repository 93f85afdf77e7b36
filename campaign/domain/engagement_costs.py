"""What it cost that something went out, at X's prices. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from campaign.domain.weight import has_link


@dataclass(frozen=True, slots=True)
class Tariff:
    """US dollars for one post, for one with a link, and for one direct message."""

    post: Decimal
    post_with_link: Decimal
    message: Decimal

    def of_posts(self, texts: Iterable[str]) -> Decimal:
        """What posts with these texts cost together."""
        return sum((self.post_with_link if has_link(text) else self.post for text in texts), Decimal(0))

    def of_messages(self, sent: int) -> Decimal:
        """What so many direct messages cost."""
        return self.message * sent
