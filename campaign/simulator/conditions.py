"""What X answers to an account it holds something against."""

from campaign.simulator.accounts import Account, Condition
from campaign.simulator.problems import LOCKED, SUBSET, Refusal, client_forbidden, coded, credits_depleted, plain

ON_V1 = {
    Condition.SUSPENDED: (403, 64, "Your account is suspended and is not permitted to access this feature."),
    Condition.LOCKED: (403, 326, LOCKED),
    Condition.NOT_ENROLLED: (403, 453, SUBSET),
    Condition.LEGACY_REFUSED: (403, 453, SUBSET),
}


REASONS = {
    Condition.NOT_ENROLLED: "client-not-enrolled",
    Condition.USER_NOT_ENROLLED: "user-not-enrolled",
    Condition.CREDITS_BLOCKED: "credits-blocked",
}
"""Why v2 forbids a client its calls."""
OF_THE_APP = {*REASONS, Condition.CREDITS_DEPLETED, Condition.LEGACY_REFUSED}
"""What is held against every user of the account's app."""


def objection(account: Account, user_id: str, *, legacy: bool, own: bool = True) -> Refusal | None:
    """Returns X's answer to any call of this account on v1.1 (`legacy`) or v2; None when there is nothing to object to.

    Without `own` it is a call of a user who signed in with the account's app.
    """
    condition = account.condition
    if not own and condition not in OF_THE_APP:
        return None
    if condition is Condition.CREDITS_DEPLETED:
        return credits_depleted(user_id)
    if condition is Condition.LOCKED or legacy:  # v2 has no body of its own for a locked account
        return coded(*ON_V1[condition]) if condition in ON_V1 else None
    if condition in REASONS:
        return client_forbidden(account.keys.consumer_key, REASONS[condition])
    if condition is Condition.SUSPENDED:
        return plain(403, "Forbidden", "Your account is not permitted to access this feature.")
    return None
