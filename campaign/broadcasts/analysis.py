"""What the analysis of a broadcast finds: content, people, waves, times and costs. Pure."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from math import ceil

from campaign.broadcasts.schedule import (
    MOST_SAME_WAVES,
    BroadcastTarget,
    Planned,
    WaveShare,
    needed_waves,
    paces,
    planned,
)
from campaign.deliveries.draft import LONGEST_LIST, MOST_WAVES, Draft, FileProblem, Waves
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
from campaign.formatting import format_duration, format_time, listed, usd, without_remarks
from campaign.x.text import is_blank, is_similar
from campaign.x.types import LONGEST_MESSAGE
from models import DeliveryKind, ExclusionReason, MessagePolicy, WindowName

EXCLUSION_LABELS: Mapping[ExclusionReason, str] = {
    ExclusionReason.OPTED_OUT: "asked for no more messages",
    ExclusionReason.SUPPRESSED: "are never to be written to",
    ExclusionReason.NOT_A_FOLLOWER: "do not follow any more",
    ExclusionReason.DOES_NOT_RECEIVE: "do not receive messages of the account",
    ExclusionReason.NO_CONSENT: "have not agreed to be written to",
    ExclusionReason.EXCLUDED_CONDITION: "meet the condition that excludes people",
    ExclusionReason.ALREADY_RECEIVED: "got this delivery already",
    ExclusionReason.NOT_IF_RECEIVED: "got a delivery that excludes them",
    ExclusionReason.ALREADY_CONTACT: "are contacts already",
    ExclusionReason.ALREADY_INVITED: "were invited before",
    ExclusionReason.FREQUENCY_CAP: "got as many messages lately as the service allows",
    ExclusionReason.DUPLICATE: "are named twice or get it from another service",
    ExclusionReason.FIELD_MISSING: "lack a field that the text needs",
    ExclusionReason.LIMIT: "are more than the limit of the delivery",
    ExclusionReason.UNKNOWN: "are in the list and not known",
}
"""Why people in the target get nothing, as a label of their number."""
EXCLUSION_SENTENCES: Mapping[ExclusionReason, str] = {
    ExclusionReason.OPTED_OUT: "The person opted out.",
    ExclusionReason.SUPPRESSED: "The person is on the denylist.",
    ExclusionReason.NOT_A_FOLLOWER: "The person does not follow the account any more.",
    ExclusionReason.DOES_NOT_RECEIVE: "The person does not receive messages of the account.",
    ExclusionReason.NO_CONSENT: "The person has not agreed to be written to.",
    ExclusionReason.EXCLUDED_CONDITION: "The person meets the condition that excludes people.",
    ExclusionReason.ALREADY_RECEIVED: "The person got this delivery already.",
    ExclusionReason.NOT_IF_RECEIVED: "The person got a delivery that excludes those who got it.",
    ExclusionReason.ALREADY_CONTACT: "The person is a contact already.",
    ExclusionReason.ALREADY_INVITED: "The person was invited before.",
    ExclusionReason.FREQUENCY_CAP: "The person got as many messages lately as the service allows.",
    ExclusionReason.DUPLICATE: "The person gets it from another service.",
    ExclusionReason.FIELD_MISSING: "The text needs something that X does not show of the person.",
    ExclusionReason.LIMIT: "The limit of the delivery was reached before the person.",
    ExclusionReason.UNKNOWN: "The person is in the list and no visitor.",
}
"""Why one person gets nothing."""


def list_exclusions(counts: Mapping[str, int]) -> str:
    """Lists each reason with its number: do not follow any more (60), asked for no more messages (2)."""
    return ", ".join(
        f"{label} ({counts[reason]:,})" for reason, label in EXCLUSION_LABELS.items() if counts.get(reason, 0)
    )


def sum_exclusions(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Adds the counts of several services, by reason and in the order of the reasons."""
    sums: Counter[str] = Counter()
    for count in counts:
        sums.update(count)
    return {reason.value: sums[reason.value] for reason in ExclusionReason if sums[reason.value]}


def text_findings(draft: Draft, text_problem: str | None, samples: Sequence[Sample]) -> Iterator[Finding]:
    """Finds what is wrong with the text, and what only a post may have."""
    content, parts = draft.content, draft.content.parts
    if draft.kind is not DeliveryKind.DM:
        yield error("not_a_broadcast", "The delivery is a post: analyse it as one.")
    longest = max((len(sample.text) for sample in samples), default=0)
    if all(is_blank(without_remarks(part.text)) and not part.media for part in parts):
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
    if any(part.poll for part in parts):
        yield error("poll_in_message", "A message has no poll: remove it, or ask in the text.")
    if content.reply_settings:
        yield error("reply_settings_in_message", "A message does not say who may answer: remove that setting.")
    if content.paid_partnership:
        yield error(
            "paid_partnership_in_message",
            "A message cannot be marked as a paid partnership: remove the mark, and say it in the text.",
        )
    if content.made_with_ai:
        yield error(
            "made_with_ai_in_message",
            "A message cannot be marked as made with AI: remove the mark, and say it in the text.",
        )


_LONGEST_VIDEO, _LONGEST_VIDEO_OF_PREMIUM = 140, 600
"""Seconds in a message, without and with X Premium (docs.x.com/x-api/media/quickstart/best-practices)."""


def file_findings(draft: Draft, files: Files | None) -> Iterator[Finding]:
    """Finds what is wrong with the files; None are checked elsewhere."""
    sources = [item.source for part in draft.content.parts for item in part.media]
    if len(sources) > 1:
        yield error("several_files", f"The message has {len(sources)} files: X takes one, so remove the others.")
    for source in dict.fromkeys(sources) if files is not None else ():
        file = files.get(source) if files else None
        if file is None:
            yield error("file_not_read", f"The file {source} was not read: analyse the delivery again.")
        elif isinstance(file, FileProblem):
            yield error(file.code, file.sentence)
        elif file.seconds > _LONGEST_VIDEO_OF_PREMIUM:
            most = f"{_LONGEST_VIDEO_OF_PREMIUM // 60} minutes in a message"
            yield error("video_too_long", f"The video {source} takes more than {most}, which X refuses: cut it.")
        elif file.seconds > _LONGEST_VIDEO:
            most = f"{_LONGEST_VIDEO} seconds in a message"
            yield warning("long_video", f"The video {source} takes more than {most}: X refuses it without X Premium.")


_EVENTS_A_CALL = 100
"""docs.x.com/x-api/direct-messages/lookup: a page of events has at most so many."""


def broadcast_calls(targets: Sequence[BroadcastTarget]) -> int:
    """Counts the calls: one a message, and those that read them in the inbox; the answers there are not counted."""
    return sum(target.recipients + ceil(target.recipients / _EVENTS_A_CALL) for target in targets)


def cost_findings(targets: Sequence[BroadcastTarget]) -> Iterator[Finding]:
    """Finds the cost by service, the calls, and which service may not spend as much."""
    for target in targets:
        if target.cost > target.left:
            yield error(
                "over_cap",
                f"On @{target.internal_name} it costs about {usd(target.cost)}, and"
                f" {usd(max(target.left, Decimal(0)))} of this month's spend cap is left: raise the spend cap of the"
                " service, wait for the next month, or write to fewer people.",
            )
        elif target.recipients:
            sender = f", and looking up its sender {usd(target.sender_price)} a day" if target.sender_price else ""
            yield info(
                "cost",
                f"On @{target.internal_name} it costs about {usd(target.cost)} of {usd(target.left)} left this month:"
                f" {usd(target.message_price)} for each message and {usd(target.event_price)} when the inbox is read,"
                f" where it is shown too; every answer that is read costs {usd(target.event_price)} more{sender}.",
            )
    costs = defaultdict[tuple[str, Decimal], Decimal](Decimal)
    for target in targets:
        if target.balance is not None:
            costs[target.app or target.internal_name, target.balance] += target.cost
    for (app, balance), cost in costs.items():
        if cost >= balance:
            names = [f"@{each.internal_name}" for each in targets if app in {each.app, each.internal_name}]
            yield warning(
                "balance",
                f"X has {usd(balance)} left for the app of {', '.join(names)}, and this costs about {usd(cost)}: buy"
                " credits in X's console first, or X ends the broadcast in the middle.",
            )
    if calls := broadcast_calls(targets):
        yield info("calls", f"It takes about {calls:,} calls of X's API.")


def service_findings(draft: Draft, targets: Sequence[BroadcastTarget]) -> Iterator[Finding]:
    """Finds which services are missing or can send nothing."""
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


def audience_findings(draft: Draft, targets: Sequence[BroadcastTarget]) -> Iterator[Finding]:
    """Finds an audience that cannot be, or is empty."""
    audience = draft.broadcast.audience
    if audience.limit is not None and audience.limit < 1:
        yield error("limit", f"The limit is {audience.limit:,} people: set it to 1 at least, or leave it empty.")
    if len(audience.people) > LONGEST_LIST:
        yield error(
            "list_too_long", f"The list has {len(audience.people):,} people: shorten it to {LONGEST_LIST:,} at most."
        )
    if targets and not any(target.recipients for target in targets):
        targeted = sum(target.targeted for target in targets)
        why = list_exclusions(sum_exclusions(target.excluded for target in targets))
        excluded = f"All people in the target ({targeted:,}) are left out: they {why}."
        empty = excluded if why else "The target is empty."
        yield error("nobody_left", f"{empty} Choose another target.")


def recipient_findings(targets: Sequence[BroadcastTarget]) -> Iterator[Finding]:
    """Finds how many get it, how many do not and why, and how a message says how to stop them."""
    recipients = sum(target.recipients for target in targets)
    targeted = sum(target.targeted for target in targets)
    if recipients:
        people = "person" if targeted == 1 else "people"
        yield info(
            "targeted", f"Of {targeted:,} {people} in the target {recipients:,} get{'s' * (recipients == 1)} it."
        )
    for target in targets if recipients else ():
        name, why = target.internal_name, list_exclusions(target.excluded)
        if not target.recipients:
            yield warning(
                "nobody_on_service",
                f"@{name} has no recipients among the people in its target ({target.targeted:,})"
                f"{f', who {why}' if why else ''}: remove the service, or choose another target.",
            )
            continue
        if why:
            yield info("excluded", f"Left out on @{name}, {sum(target.excluded.values()):,} in all: {why}.")
        if target.opt_out_line:
            yield info("opt_out_line", f"Every message of @{name} ends with: {target.opt_out_line}")
        else:
            yield warning(
                "no_opt_out_line",
                f"Messages of @{name} do not say how to stop them, which X asks for: write an opt-out line in the"
                " service.",
            )


def describe_consents(recipients: int, agreed: int, wrote_first: int) -> str:
    """Describes how many recipients agreed: 200 agreed, 43 only wrote first, 7 did neither."""
    neither = recipients - agreed - wrote_first
    return f"{agreed:,} agreed, {wrote_first:,} only wrote first, {neither:,} did neither"


def consent_findings(targets: Sequence[BroadcastTarget]) -> Iterator[Finding]:
    """Finds how many recipients agreed, only wrote first or did neither, and where only those get it who agreed."""
    recipients = sum(target.recipients for target in targets)
    if recipients:
        agreed, wrote_first = sum(one.agreed for one in targets), sum(one.wrote_first for one in targets)
        described = describe_consents(recipients, agreed, wrote_first)
        yield info("consents", f"Of {recipients:,} recipient{'s' * (recipients != 1)} {described}.")
    strict = [target.internal_name for target in targets if target.policy is MessagePolicy.CONSENTED_ONLY]
    if strict and recipients:
        yield info("consented_only", f"On {listed(strict)} only people get it whose consent is recorded.")
    unconsented = sum(target.unconsented for target in targets)
    if unconsented:
        names = listed([target.internal_name for target in targets if target.unconsented])
        wrote_first = sum(target.wrote_first for target in targets if not target.wrote_first_counts)
        of_them = (
            f" ({wrote_first:,} of them only wrote first, which is no consent to marketing)" if wrote_first else ""
        )
        yield warning(
            "unconsented",
            f"{unconsented:,} of {recipients:,} recipient{'s' * (recipients != 1)} on {names} never agreed to be"
            f" written to{of_them}, and X lets an app send automated messages only to people who wrote first or agreed:"
            f" leave them out, or accept exactly {unconsented:,} when you confirm.",
        )
    if undecided := [target for target in targets if target.unclear]:
        unclear = sum(target.unclear for target in undecided)
        accounts = listed([target.internal_name for target in undecided])
        yield warning(
            "unclear_messages",
            f"{unclear:,} message{'s' * (unclear != 1)} to {accounts} may be meant as an opt-out: the sender may be"
            " among the recipients until you decide, see People, Consents, or campaign consent unclear.",
        )


_MANY = 100
_PERSONAL = re.compile(r"\{\{|\{%")


def proof_warnings(draft: Draft, proofs_sent: int) -> Iterator[Finding]:
    """Finds what is missing until a person has seen a message as X shows it."""
    if not draft.broadcast.proof_recipients:
        yield warning("no_proof_recipient", "No proof can be sent: name a proof recipient, such as yourself.")
    elif not proofs_sent:
        yield warning(
            "no_proof_sent",
            f"No proof was sent yet: send one to {listed(draft.broadcast.proof_recipients)} and look at it on X.",
        )


def text_warnings(draft: Draft, targets: Sequence[BroadcastTarget], samples: Sequence[Sample]) -> Iterator[Finding]:
    """Finds the same text for many people, or from several accounts."""

    def is_alike(one: str, other: str) -> bool:
        """Returns whether any two samples are; a service without any writes what the others write."""
        texts = [[sample.text for sample in samples if sample.service == name] for name in (one, other)]
        return not all(texts) or any(is_similar(first, second) for first in texts[0] for second in texts[1])

    senders = [target.internal_name for target in targets if target.recipients]
    alike = [name for name in senders if any(is_alike(name, other) for other in senders if other != name)]
    if alike:
        yield warning(
            "same_text_to_several",
            f"{listed(alike)} write nearly the same, which X forbids across accounts: choose one service, or make a"
            " delivery with its own text for each.",
        )
    recipients = sum(target.recipients for target in targets)
    text = without_remarks(" ".join(part.text for part in draft.content.parts))
    if recipients > _MANY and text.strip() and not _PERSONAL.search(text):
        yield info(
            "not_personal",
            f"All {recipients:,} people get the same text: a field such as their name makes it a personal message.",
        )


_ALL = 100
_MOST_SHOWN = 5


def wave_errors(waves: Waves, recipients: int) -> Iterator[Finding]:
    """Finds waves that make no sense for any recipients."""
    if waves.same and waves.calendar:
        yield error("two_kinds_of_waves", "There are waves of one size and a calendar: keep one of the two.")
    if waves.same and (needed := needed_waves(waves.same, recipients)) > MOST_SAME_WAVES:
        yield error(
            "too_many_waves", f"It takes {needed:,} waves: make them larger, so that there are {MOST_SAME_WAVES:,}."
        )
    if len(waves.calendar) > MOST_WAVES:
        yield error(
            "too_many_waves", f"The calendar has {len(waves.calendar)} waves: shorten it to {MOST_WAVES} at most."
        )
    of_same = waves.same.amount if waves.same and waves.same.is_percentage else 0
    of_calendar = sum(wave.amount for wave in waves.calendar if wave.is_percentage)
    for percentage in (of_same, of_calendar):
        if percentage > _ALL:
            sentence = f"The waves are {percentage:,} percent of all recipients: make them 100 percent at most."
            yield error("waves_over_all", sentence)
    for number, (wave, before) in enumerate(zip(waves.calendar[1:], waves.calendar, strict=False), start=2):
        if wave.after_seconds < before.after_seconds:
            yield error(
                "calendar_backwards",
                f"Wave {number} of the calendar begins before wave {number - 1}: put the waves in the order of their"
                " times.",
            )


_A_DAY = timedelta(days=1)
_LITTLE_TIME = 8 * 3600
"""A service that is not quiet for less of the day than this has little time."""
_FURTHEST = 1_000 * 366 * 86_400


def time_findings(plans: Sequence[Planned], draft: Draft, now: datetime) -> Iterator[Finding]:
    """Finds when what is out on which service, and what keeps it from being out in time."""
    starts = start_of(draft, now)
    valid_until = starts + timedelta(days=min(max(draft.validity_days, 1), LONGEST_VALIDITY))
    for one in plans:
        yield wave_finding(one.waves)
        yield from validity_findings(one, starts, valid_until)
        yield from pace_warnings(one, starts)


def wave_finding(plans: Sequence[WavePlan]) -> Finding:
    """Lists the waves of one service: how many messages each has, and when."""
    spans = [f"from {format_time(plan.begins_at)} to {format_time(plan.ends_at)}" for plan in plans]
    if len(plans) == 1:
        count = plans[0].recipients
        messages = f"{count:,} messages go" if count > 1 else "1 message goes"
        return info("waves", f"On @{plans[0].service} {messages} out {spans[0]}.")
    waves = [f"number {plan.number:,} with {plan.recipients:,} {span}" for plan, span in zip(plans, spans, strict=True)]
    more = len(plans) - _MOST_SHOWN
    rest = f"; and {more:,} more, the last of them {waves[-1]}" if more > 0 else ""
    sentence = f"On @{plans[0].service} there are {len(plans):,} waves: {'; '.join(waves[:_MOST_SHOWN])}{rest}."
    return info("waves", sentence)


def validity_findings(one: Planned, starts: datetime, valid_until: datetime) -> Iterator[Finding]:
    """Finds what is not out when the validity of the delivery ends."""
    name, validity = one.target.internal_name, (valid_until - starts).total_seconds()
    late = next((wave for wave in one.target.waves if wave.offset_seconds >= validity), None)
    if late:
        yield error(
            "wave_after_validity",
            f"Wave {late.number:,} on @{name} begins only after the validity ends at {format_time(valid_until)}:"
            " lengthen the validity, or let the wave begin earlier.",
        )
    elif one.ends_at > valid_until:
        yield warning(
            "ends_after_validity",
            f"On @{name} the last message is out at about {format_time(one.ends_at)} and the validity ends at"
            f" {format_time(valid_until)}, after which nothing goes out: lengthen the validity, or write to fewer"
            " people.",
        )


def pace_warnings(one: Planned, starts: datetime) -> Iterator[Finding]:
    """Warns of a delivery that takes long, of waves that overlap, and of quiet hours that leave little time."""
    target, name = one.target, one.target.internal_name
    if one.ends_at - starts > _A_DAY:
        yield warning(
            "takes_long",
            f"On @{name} it takes about {format_duration(one.ends_at - starts)}, because {_pace_of(one)}: write to"
            " fewer people if it has to be out sooner.",
        )
    late = [
        (before, after)
        for share, before, after in zip(target.waves[1:], one.waves, one.waves[1:], strict=False)
        if starts + _offset(share) <= before.ends_at
    ]
    if late:
        before, after = late[0]
        others = f" (the first of {len(late):,} such waves)" if len(late) > 1 else ""
        yield warning(
            "waves_overlap",
            f"On @{name} wave {before.number:,} still goes out when wave {after.number:,} is due, which waits until"
            f" {format_time(after.begins_at)}{others}: make the waves smaller, or leave more time between them.",
        )
    open_seconds = int(_A_DAY.total_seconds()) - (target.quiet.seconds() if target.quiet else 0)
    if open_seconds < _LITTLE_TIME:
        left = format_duration(timedelta(seconds=open_seconds))
        yield warning(
            "quiet_hours_long",
            f"The quiet hours of @{name}, {target.quiet}, leave {left} of a day to send in: shorten them in the service"
            " if it has to be out sooner.",
        )


def _pace_of(one: Planned) -> str:
    """Returns what sets the pace."""
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
        reasons.append(f"its last wave begins {format_duration(waits)} after the start")
    return " and ".join(reasons)


def _offset(share: WaveShare) -> timedelta:
    """Returns the time after the start, as far as there are dates."""
    return timedelta(seconds=min(share.offset_seconds, _FURTHEST))


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
    """Analyses everything that will go out; `text_problem` is a sentence when the text cannot be personalised.

    `files` are those of the message as far as they could be read; None when they are checked elsewhere.
    Without a `public_url` no link is replaced by one whose clicks are counted.
    """
    recipients = sum(target.recipients for target in targets)
    plans = planned(targets, draft, now)
    findings = [
        *text_findings(draft, text_problem, samples),
        *file_findings(draft, files),
        *service_findings(draft, targets),
        *audience_findings(draft, targets),
        *recipient_findings(targets),
        *consent_findings(targets),
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
        cost=sum((target.cost for target in targets), Decimal(0)),
        ends_at=max((one.ends_at for one in plans), default=None),
        targeted=sum(target.targeted for target in targets),
        excluded=sum_exclusions(target.excluded for target in targets),
        unconsented=sum(target.unconsented for target in targets),
        agreed=sum(target.agreed for target in targets),
        wrote_first=sum(target.wrote_first for target in targets),
        samples=list(samples),
        waves=[wave for one in plans for wave in one.waves],
    )
