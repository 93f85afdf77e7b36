"""What the analysis of a broadcast finds: content, people, waves, times and costs. Pure."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from math import ceil

from campaign.broadcasts.exclusions import excluded_in_words, together
from campaign.broadcasts.schedule import (
    MOST_SAME_WAVES,
    BroadcastTarget,
    Planned,
    WaveShare,
    needed_waves,
    paces,
    planned,
)
from campaign.deliveries.draft import LONGEST_LIST, MOST_WAVES, Draft, FileProblem, PlannedWave, Waves
from campaign.deliveries.findings import (
    LONGEST_VALIDITY,
    Analysis,
    Finding,
    Level,
    Sample,
    WavePlan,
    date_findings,
    error,
    in_one_line,
    info,
    link_findings,
    missing_services,
    start_of,
    warning,
)
from campaign.deliveries.kind import Files
from campaign.formatting import format_time, listed, usd
from campaign.x.text import is_similar
from campaign.x.types import LONGEST_MESSAGE
from models import DeliveryKind, MessagePolicy, WindowName


def content_findings(
    draft: Draft, text_problem: str | None, samples: Sequence[Sample], files: Files | None
) -> Iterator[Finding]:
    """Everything that can be said without looking at the people; `files` None are not looked at."""
    if draft.kind is not DeliveryKind.DM:
        yield error("not_a_broadcast", "The delivery is a post: analyse it as one.")
    yield from _text_findings(draft, text_problem, samples)
    yield from _post_only(draft)
    yield from _file_findings(draft, files)


def _text_findings(draft: Draft, text_problem: str | None, samples: Sequence[Sample]) -> Iterator[Finding]:
    parts = draft.content.parts
    longest = max((len(sample.text) for sample in samples), default=0)
    if not any(part.text.strip() or part.media for part in parts):
        yield error("no_text", "There is nothing to send: write a text.")
    elif text_problem:
        yield error("text_broken", text_problem)
    elif longest > LONGEST_MESSAGE:
        yield error(
            "too_long",
            f"The longest message has {longest:,} characters, {longest - LONGEST_MESSAGE:,} more than the"
            f" {LONGEST_MESSAGE:,} that X takes: shorten the text.",
        )
    if len(parts) > 1:
        yield error("several_parts", f"The delivery has {len(parts)} parts: a message is one, so remove the others.")


def _post_only(draft: Draft) -> Iterator[Finding]:
    """What a post may have and a message has not."""
    content = draft.content
    if any(part.poll for part in content.parts):
        yield error("poll_in_message", "A message has no poll: remove it, or ask in the text.")
    if content.reply_settings:
        yield error("reply_settings_in_message", "A message does not say who may answer: remove that setting.")
    if content.paid_partnership:
        yield error(
            "paid_partnership_in_message",
            "A message cannot be marked as a paid partnership: remove the mark, and say it in the text.",
        )


def _file_findings(draft: Draft, files: Files | None) -> Iterator[Finding]:
    sources = [item.source for part in draft.content.parts for item in part.media]
    if len(sources) > 1:
        yield error("several_files", f"The message has {len(sources)} files: X takes one, so remove the others.")
    for source in dict.fromkeys(sources) if files is not None else ():
        file = files.get(source) if files else None
        if file is None:
            yield error("file_not_read", f"The file {source} was not read: analyse the delivery again.")
        elif isinstance(file, FileProblem):
            yield error(file.code, file.sentence)


_EVENTS_A_CALL = 100
"""docs.x.com/x-api/direct-messages/lookup: a page of events has at most so many."""


def broadcast_calls(targets: Sequence[BroadcastTarget]) -> int:
    """One a message, and those that read them in the inbox; looking for answers there is not counted."""
    return sum(target.recipients + ceil(target.recipients / _EVENTS_A_CALL) for target in targets)


def broadcast_cost(targets: Sequence[BroadcastTarget]) -> Decimal:
    """US dollars on all services."""
    return sum((target.cost for target in targets), Decimal(0))


def cost_findings(targets: Sequence[BroadcastTarget]) -> Iterator[Finding]:
    """The cost by service, the calls, and which service may not spend as much."""
    for target in targets:
        if target.cost > target.left:
            yield _over_cap(target)
        elif target.recipients:
            yield _cost(target)
    if calls := broadcast_calls(targets):
        yield info("calls", f"It takes about {calls:,} calls of X's API.")


def _over_cap(target: BroadcastTarget) -> Finding:
    return error(
        "over_cap",
        f"On @{target.internal_name} it costs about {usd(target.cost)}, and {usd(max(target.left, Decimal(0)))} of this"
        " month's spend cap is left: raise the spend cap of the service, wait for the next month, or write to fewer"
        " people.",
    )


def _cost(target: BroadcastTarget) -> Finding:
    return info(
        "cost",
        f"On @{target.internal_name} it costs about {usd(target.cost)} of {usd(target.left)} left this month:"
        f" {usd(target.message_price)} for each message and {usd(target.event_price)} when the inbox is read, where it"
        f" is shown too; every answer that is read costs {usd(target.event_price)} more.",
    )


def service_findings(draft: Draft, targets: Sequence[BroadcastTarget]) -> Iterator[Finding]:
    """Which services are missing or can send nothing."""
    missing = missing_services(draft, [target.internal_name for target in targets])
    yield from missing
    if not missing and not targets:
        yield error("no_target", "The delivery goes out on no account: choose a service.")
    for target in targets:
        if target.blocked_because:
            because = in_one_line(target.blocked_because)
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


_MANY = 100
_PERSONAL = re.compile(r"\{\{|\{%")


def proof_warnings(draft: Draft, proofs_sent: int) -> Iterator[Finding]:
    """What is missing until somebody has seen a message as X shows it."""
    if not draft.broadcast.proof_recipients:
        yield warning("no_proof_recipient", "No proof can be sent: name somebody who gets it, such as yourself.")
    elif not proofs_sent:
        yield warning(
            "no_proof_sent",
            f"No proof was sent yet: send one to {listed(draft.broadcast.proof_recipients)} and look at it on X.",
        )


def text_warnings(draft: Draft, targets: Sequence[BroadcastTarget], samples: Sequence[Sample]) -> Iterator[Finding]:
    """The same words to many people, or from several accounts."""
    senders = [target.internal_name for target in targets if target.recipients]
    alike = [name for name in senders if any(_is_alike(name, other, samples) for other in senders if other != name)]
    if alike:
        yield warning(
            "same_text_to_several",
            f"{listed(alike)} write nearly the same, which X forbids across accounts: choose one service, or make a"
            " delivery with its own text for each.",
        )
    recipients = sum(target.recipients for target in targets)
    text = " ".join(part.text for part in draft.content.parts)
    if recipients > _MANY and text.strip() and not _PERSONAL.search(text):
        yield info(
            "not_personal",
            f"All {recipients:,} people get the same words: a field such as their name makes it a personal message.",
        )


def _is_alike(one: str, other: str, samples: Sequence[Sample]) -> bool:
    """Whether any two samples are; a service without any says what the others say."""
    texts = [[sample.text for sample in samples if sample.service == name] for name in (one, other)]
    if not all(texts):
        return True
    return any(is_similar(first, second) for first in texts[0] for second in texts[1])


_EVERYBODY = 100
_MOST_TOLD = 5


def wave_errors(waves: Waves, recipients: int) -> Iterator[Finding]:
    """Waves that make no sense, whoever gets them."""
    if waves.same and waves.calendar:
        yield error("two_kinds_of_waves", "There are waves of one size and a calendar: keep one of the two.")
    if waves.same and (needed := needed_waves(waves.same, recipients)) > MOST_SAME_WAVES:
        yield error(
            "too_many_waves", f"It takes {needed:,} waves: make them larger, so that there are {MOST_SAME_WAVES:,}."
        )
    if waves.same and waves.same.is_percentage and waves.same.amount > _EVERYBODY:
        yield _more_than_everybody(waves.same.amount)
    yield from _calendar_errors(waves.calendar)


def waves_in_words(plans: Sequence[WavePlan]) -> Finding:
    """The waves of one service: how many messages each has, and when."""
    one = plans[0]
    if len(plans) == 1:
        return info(
            "waves",
            f"On @{one.service} {_messages(one.recipients)} out from {format_time(one.begins_at)} to"
            f" {format_time(one.ends_at)}.",
        )
    told = "; ".join(_in_words(plan) for plan in plans[:_MOST_TOLD])
    more = len(plans) - _MOST_TOLD
    rest = f"; and {more:,} more, the last of them {_in_words(plans[-1])}" if more > 0 else ""
    return info("waves", f"On @{one.service} there are {len(plans):,} waves: {told}{rest}.")


def _calendar_errors(calendar: Sequence[PlannedWave]) -> Iterator[Finding]:
    if len(calendar) > MOST_WAVES:
        yield error("too_many_waves", f"The calendar has {len(calendar)} waves: shorten it to {MOST_WAVES} at most.")
    percentages = sum(wave.amount for wave in calendar if wave.is_percentage)
    if percentages > _EVERYBODY:
        yield _more_than_everybody(percentages)
    for number, (wave, before) in enumerate(zip(calendar[1:], calendar, strict=False), start=2):
        if wave.after_seconds < before.after_seconds:
            yield error(
                "calendar_backwards",
                f"Wave {number} of the calendar begins before wave {number - 1}: put the waves in the order of their"
                " times.",
            )


def _more_than_everybody(per_cent: int) -> Finding:
    return error("waves_over_all", f"The waves are {per_cent:,} % of everybody: make them 100 % at most.")


def _in_words(plan: WavePlan) -> str:
    span = f"from {format_time(plan.begins_at)} to {format_time(plan.ends_at)}"
    return f"number {plan.number:,} with {plan.recipients:,} {span}"


def _messages(count: int) -> str:
    return f"{count:,} messages go" if count > 1 else "1 message goes"


_A_DAY = timedelta(days=1)
_LITTLE_TIME = 8 * 3600
"""A service that is not quiet for less of the day than this has little time."""
_FURTHEST = 1_000 * 366 * 86_400


def time_findings(plans: Sequence[Planned], draft: Draft, now: datetime) -> Iterator[Finding]:
    """When what is out on which service, and what keeps it from being out in time."""
    starts = start_of(draft, now)
    validity = timedelta(days=min(max(draft.validity_days, 1), LONGEST_VALIDITY))
    for one in plans:
        yield waves_in_words(one.waves)
        yield from _validity(one, starts, validity)
        yield from _length(one, starts)
        yield from _overlaps(one, starts)
        yield from _little_time(one.target)


def _validity(one: Planned, starts: datetime, validity: timedelta) -> Iterator[Finding]:
    name, valid_until = one.target.internal_name, format_time(starts + validity)
    late = next((wave for wave in one.target.waves if wave.offset_seconds >= validity.total_seconds()), None)
    if late:
        yield error(
            "wave_after_validity",
            f"Wave {late.number:,} on @{name} begins only after the validity ends at {valid_until}: lengthen the"
            " validity, or let the wave begin earlier.",
        )
    elif one.ends_at > starts + validity:
        yield warning(
            "ends_after_validity",
            f"On @{name} the last message is out at about {format_time(one.ends_at)} and the validity ends at"
            f" {valid_until}, after which nothing goes out: lengthen the validity, or write to fewer people.",
        )


def _length(one: Planned, starts: datetime) -> Iterator[Finding]:
    length = one.ends_at - starts
    if length > _A_DAY:
        yield warning(
            "takes_long",
            f"On @{one.target.internal_name} it takes about {in_words(length)}, because {_why(one)}: write to fewer"
            " people if it has to be out sooner.",
        )


def _why(one: Planned) -> str:
    """What sets the pace."""
    target = one.target
    quarter, day = paces(one.limits, target.daily_limit)
    reasons = [f"X takes {quarter:,} messages of an account in 15 minutes and {day:,} in 24 hours"]
    if day == target.daily_limit:
        reasons = [f"the service sends {day:,} messages at most in 24 hours"]
    elif day < paces(target.limits, 0)[1]:
        of_app = target.limits[WindowName.APP_DAY]
        reasons = [f"X takes {of_app:,} messages in 24 hours of all the services that share a developer app"]
    if target.quiet:
        reasons.append(f"its quiet hours are {target.quiet}")
    if waits := _offset(target.waves[-1]):
        reasons.append(f"its last wave begins {in_words(waits)} after the start")
    return " and ".join(reasons)


def _overlaps(one: Planned, starts: datetime) -> Iterator[Finding]:
    """Waves that cannot begin when they should, because the one before is still going out."""
    late = [
        (before, after)
        for share, before, after in zip(one.target.waves[1:], one.waves, one.waves[1:], strict=False)
        if starts + _offset(share) <= before.ends_at
    ]
    if late:
        before, after = late[0]
        others = f" (the first of {len(late):,} such waves)" if len(late) > 1 else ""
        yield warning(
            "waves_overlap",
            f"On @{one.target.internal_name} wave {before.number:,} still goes out when wave {after.number:,} is due,"
            f" which waits until {format_time(after.begins_at)}{others}: make the waves smaller, or leave more time"
            " between them.",
        )


def _offset(share: WaveShare) -> timedelta:
    """After the start; what is further than any date is as far as one can be told."""
    return timedelta(seconds=min(share.offset_seconds, _FURTHEST))


def _little_time(target: BroadcastTarget) -> Iterator[Finding]:
    open_seconds = int(_A_DAY.total_seconds()) - (target.quiet.seconds() if target.quiet else 0)
    if open_seconds < _LITTLE_TIME:
        left = in_words(timedelta(seconds=open_seconds))
        yield warning(
            "quiet_hours_long",
            f"The quiet hours of @{target.internal_name}, {target.quiet}, leave {left} of a day to send in: shorten"
            " them in the service if it has to be out sooner.",
        )


def in_words(length: timedelta) -> str:
    """A length of time by its two largest units: 6 days and 22 hours."""
    hours, seconds = divmod(length.seconds, 3600)
    units = (("day", length.days), ("hour", hours), ("minute", seconds // 60))
    told = [f"{number:,} {unit}{'s' * (number != 1)}" for unit, number in units if number]
    return " and ".join(told[:2]) or "a moment"


__all__ = ["BroadcastTarget", "analyse_broadcast"]

_ORDER = [Level.ERROR, Level.WARNING, Level.INFO]


def analyse_broadcast(
    draft: Draft,
    targets: Sequence[BroadcastTarget],
    text_problem: str | None,
    samples: Sequence[Sample],
    *,
    proofs_sent: int,
    now: datetime,
    files: Files | None = None,
    public_url: str = "",
) -> Analysis:
    """Look at everything that will go out; `text_problem` is a sentence when the text cannot be personalised.

    `files` are those of the message as far as they could be read; None when they are looked at elsewhere.
    Without a `public_url` no link is replaced by one whose clicks are counted.
    """
    recipients = sum(target.recipients for target in targets)
    plans = planned(targets, draft, now)
    findings = [
        *content_findings(draft, text_problem, samples, files),
        *service_findings(draft, targets),
        *people_findings(draft, targets),
        *wave_errors(draft.broadcast.waves, recipients),
        *date_findings(draft, now),
        *text_warnings(draft, targets, samples),
        *link_findings(draft, [part.text for part in draft.content.parts], public_url),
        *proof_warnings(draft, proofs_sent),
        *cost_findings(targets),
        *time_findings(plans, draft, now),
    ]
    return Analysis(
        findings=sorted(findings, key=lambda one: _ORDER.index(one.level)),
        messages=recipients,
        calls=broadcast_calls(targets),
        cost=broadcast_cost(targets),
        ends_at=max((one.ends_at for one in plans), default=None),
        targeted=sum(target.targeted for target in targets),
        excluded=together(target.excluded for target in targets),
        unconsented=sum(target.unconsented for target in targets),
        samples=list(samples),
        waves=[wave for one in plans for wave in one.waves],
    )
