"""The personal links of invitations: made, and read again."""

from campaign.settings import load_settings
from campaign.store.signatures import sign

_PURPOSE = "invitation"


def join_link(service: str, delivery_id: int, visitor_id: int) -> str:
    """Where a person becomes a contact of a service (by internal name); empty without a public address.

    The visitor of a post is NOBODY: whoever sees it clicks the same link.
    """
    address = load_settings().public_url
    return f"{address}/join/{service}?i={sign(_PURPOSE, [delivery_id, visitor_id])}" if address else ""
