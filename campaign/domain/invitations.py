"""Invitations to become a contact: what is wrong with one before it goes out. Pure."""

from collections.abc import Iterator, Sequence

from campaign.domain.drafts import Draft
from campaign.domain.findings import Finding, error
from campaign.domain.remarks import PlacedPart, listed

NO_PUBLIC_ADDRESS = (
    "Nobody could open the link of the invitation: set CAMPAIGN_PUBLIC_URL to the address at which the world sees"
    " `campaign web`."
)
NO_JOIN_LINK = "The invitation has no link: write {{ join_link }} where people shall click."


def invitation_findings(draft: Draft, placed: Sequence[PlacedPart]) -> Iterator[Finding]:
    """What keeps a post from inviting anybody; nothing of what is no invitation."""
    if not draft.is_invitation or not placed:
        return
    if any(not one.target.join_link for one in placed):
        yield error("no_public_address", NO_PUBLIC_ADDRESS)
        return
    inviting = {one.target.internal_name for one in placed if one.target.join_link in one.rendered.text}
    silent = [name for name in dict.fromkeys(one.target.internal_name for one in placed) if name not in inviting]
    if silent:
        yield error("no_join_link", f"On {listed(silent)}: {NO_JOIN_LINK[0].lower()}{NO_JOIN_LINK[1:]}")
