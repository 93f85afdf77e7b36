"""What a person should know of the proof: whether one was seen, by whom else, and whether it can be sent."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from campaign.domain.analysis_costs import cost_of
from campaign.domain.analysis_errors import part_errors
from campaign.domain.findings import Finding, Level, warning
from campaign.domain.remarks import PlacedPart, findings_of, in_one_line
from campaign.domain.rendered import Target
from campaign.domain.spending import usd


def proof_warnings(proof: Target | None, proofs_sent: int, placed: Sequence[PlacedPart]) -> Iterator[Finding]:
    """What is missing until somebody has seen the delivery as X shows it."""
    if proof is None:
        yield warning("no_proof_service", "No proof can be sent: choose a proof service with a protected account.")
        return
    name = proof.internal_name
    if not proof.protected:
        yield warning(
            "proof_not_protected",
            f"Proofs sent to @{name} are public; protect its posts on X (Privacy and safety, Audience and tagging),"
            " then check the service.",
        )
    yield from _hindrances(proof, placed)
    if proof.blocked_because:
        yield warning("proof_blocked", f"No proof can be sent to @{name}: {in_one_line(proof)}")
    elif not proofs_sent:
        yield warning("no_proof_sent", f"No proof was sent yet: send one to @{name} and look at it on X.")


def _hindrances(proof: Target, placed: Sequence[PlacedPart]) -> Iterator[Finding]:
    """What goes out on the first account and cannot go out on the proof's, which shows what that one gets."""
    shown = [one for one in placed if one.target is placed[0].target]
    proofs = [replace(one, target=proof) for one in shown]
    own = {(error.code, error.part) for error in part_errors(shown)}
    others = (error for error in part_errors(proofs) if (error.code, error.part) not in own)
    remarks = [replace(error, level=Level.WARNING, code=f"proof_{error.code}") for error in others]
    yield from findings_of(remarks, len(shown))
    cost = cost_of(proofs)
    if cost > proof.left:
        left = f"{usd(cost)}, and {usd(max(proof.left, Decimal(0)))} of this month's spend cap is left"
        yield warning(
            "proof_over_cap", f"A proof on @{proof.internal_name} costs {left}: raise its cap, or go without."
        )
