"""What a delivery costs on each account, and how many calls of X's API it takes."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from math import ceil

from campaign.domain.findings import Finding, error, info
from campaign.domain.posts import MediaKind
from campaign.domain.remarks import PlacedPart
from campaign.domain.rendered import LoadedFile, Target
from campaign.domain.spending import usd
from campaign.domain.weight import has_link

_CHUNK_BYTES = 1_000_000
"""The size of a piece that files are sent in, see campaign.x.uploads."""


def price_of(one: PlacedPart) -> Decimal:
    """What X charges for the post itself: 13 times as much with a link (docs.x.com, pricing)."""
    return one.target.link_price if has_link(one.rendered.text) else one.target.plain_price


def cost_of(placed: Sequence[PlacedPart]) -> Decimal:
    """US dollars for all the parts, and the descriptions of their files."""
    described = sum(bool(file.alt_text) * target.alt_text_price for target, file in _uploads(placed))
    return sum(map(price_of, placed), Decimal(described))


def calls_of(placed: Sequence[PlacedPart]) -> int:
    """One call a post, and those that its files take; looking again how far X is with a video is not counted."""
    return len(placed) + sum(_calls_of_upload(file) for _, file in _uploads(placed))


def cost_findings(placed: Sequence[PlacedPart], targets: Sequence[Target]) -> Iterator[Finding]:
    """The cost by account, the calls, and which account may not spend as much."""
    for target in targets:
        parts = [one for one in placed if one.target is target]
        cost = cost_of(parts)
        if cost > target.left:
            yield _over_cap(target, cost)
        elif parts:
            yield info(
                "cost", f"On @{target.internal_name} it costs {usd(cost)} of {usd(target.left)} left this month."
            )
    if calls := calls_of(placed):
        yield info("calls", f"It takes {calls:,} call{'s' * (calls > 1)} of X's API.")


def _over_cap(target: Target, cost: Decimal) -> Finding:
    return error(
        "over_cap",
        f"On @{target.internal_name} it costs {usd(cost)}, and {usd(max(target.left, Decimal(0)))} of this month's"
        " spend cap is left: raise the spend cap of the service, wait for the next month, or make it cheaper.",
    )


def _uploads(placed: Sequence[PlacedPart]) -> list[tuple[Target, LoadedFile]]:
    """Each file once per account and description: X keeps it for the other parts."""
    return list(
        {
            (one.target.service_id, file.sha256, file.alt_text): (one.target, file)
            for one in placed
            for file in one.rendered.files
        }.values()
    )


def _calls_of_upload(file: LoadedFile) -> int:
    """Announce, pieces, end; a look at X's work on what moves; the description (docs.x.com/x-api/media)."""
    return 2 + ceil(file.size / _CHUNK_BYTES) + (file.kind is not MediaKind.IMAGE) + bool(file.alt_text)
