"""X's prices of what goes out, for reports: known without keys, and loaded without anything that calls X."""

from campaign.domain.engagement_costs import Tariff
from campaign.x.prices import DIRECT_MESSAGE_CREATE, POST_CREATE, POST_WITH_LINK_CREATE

TARIFF = Tariff(POST_CREATE.usd, POST_WITH_LINK_CREATE.usd, DIRECT_MESSAGE_CREATE.usd)
"""The same for both versions of the API: X's price list has no rows for the old one."""
