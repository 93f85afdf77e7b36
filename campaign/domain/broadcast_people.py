"""Whom a broadcast reaches: on which services, who is left out and why, and who never agreed."""

from collections.abc import Iterator, Sequence

from campaign.domain.broadcast_target import BroadcastTarget
from campaign.domain.broadcasts import LONGEST_LIST
from campaign.domain.drafts import Draft
from campaign.domain.exclusion_words import excluded_in_words, together
from campaign.domain.findings import Finding, error, info, warning
from campaign.domain.remarks import listed
from models import MessagePolicy


def service_findings(draft: Draft, targets: Sequence[BroadcastTarget]) -> Iterator[Finding]:
    """Which services are missing or can send nothing."""
    known = {target.internal_name.casefold() for target in targets}
    missing = [name for name in draft.services if name.casefold() not in known]
    if missing:
        yield error("unknown_service", f"There is no service {listed(missing)}: choose another, or connect it again.")
    elif not targets:
        yield error("no_target", "The delivery goes out on no account: choose a service.")
    for target in targets:
        if target.blocked_because:
            because = " ".join(target.blocked_because.split())
            yield error("target_blocked", f"Nothing can go out on @{target.internal_name}: {because}")
        if not target.can_send_messages:
            yield error(
                "no_message_permission",
                f"The app of @{target.internal_name} may not send direct messages: set its permission to Read, Write"
                " and Direct Messages in the developer console, then regenerate the access token and its secret, and"
                " save them in the service.",
            )


def people_findings(draft: Draft, targets: Sequence[BroadcastTarget]) -> Iterator[Finding]:
    """How many get it, how many do not, and why."""
    yield from _limits_of_audience(draft)
    if not targets:
        return
    recipients = sum(target.recipients for target in targets)
    if recipients:
        yield from _numbers(targets, recipients)
        yield from _consent(targets, recipients)
        return
    why = excluded_in_words(together(target.excluded for target in targets))
    targeted = sum(target.targeted for target in targets)
    said = f"all of the {targeted:,} people in the target get nothing, who {why}" if why else "the target is empty"
    yield error("nobody_left", f"There is nobody to write to, as {said}: choose another target.")


def _limits_of_audience(draft: Draft) -> Iterator[Finding]:
    audience = draft.broadcast.audience
    if audience.limit is not None and audience.limit < 1:
        yield error("limit", f"The limit is {audience.limit:,} people: set it to 1 at least, or leave it empty.")
    if len(audience.people) > LONGEST_LIST:
        yield error(
            "list_too_long", f"The list has {len(audience.people):,} people: shorten it to {LONGEST_LIST:,} at most."
        )


def _numbers(targets: Sequence[BroadcastTarget], recipients: int) -> Iterator[Finding]:
    targeted = sum(target.targeted for target in targets)
    yield info("targeted", f"Of {targeted:,} people in the target {recipients:,} get it.")
    for target in targets:
        name, why = target.internal_name, excluded_in_words(target.excluded)
        without = f", who {why}" if why else ""
        number = sum(target.excluded.values())
        if not target.recipients:
            yield warning(
                "nobody_on_service",
                f"Nobody gets it from @{name}, where {target.targeted:,} people are in the target{without}: remove the"
                " service, or choose another target.",
            )
        elif why:
            yield info("excluded", f"Left out on @{name}, {number:,} in all: {why}.")
        if target.recipients and target.opt_out_line:
            yield info("opt_out_line", f"Every message of @{name} ends with: {target.opt_out_line}")
        elif target.recipients:
            yield warning(
                "no_opt_out_line",
                f"Messages of @{name} do not say how to stop them, which X asks for: write an opt-out line in the"
                " service.",
            )


def _consent(targets: Sequence[BroadcastTarget], recipients: int) -> Iterator[Finding]:
    strict = [target.internal_name for target in targets if target.policy is MessagePolicy.CONSENTED_ONLY]
    if strict:
        yield info("consented_only", f"On {listed(strict)} only people get it whose consent is recorded.")
    unconsented = sum(target.unconsented for target in targets)
    if unconsented:
        names = listed([target.internal_name for target in targets if target.unconsented])
        yield warning(
            "unconsented",
            f"{unconsented:,} of {recipients:,} recipients on {names} never agreed to be written to, and X lets an app"
            " send automated messages only to people who wrote first or agreed: leave them out, or accept exactly"
            f" {unconsented:,} when you confirm.",
        )
