"""What is wrong with what a broadcast says, whoever gets it."""

from collections.abc import Iterator, Sequence

from campaign.domain.direct_messages import LONGEST_MESSAGE
from campaign.domain.drafts import Draft
from campaign.domain.findings import Finding, Sample, error
from campaign.domain.rendered import FileProblem
from campaign.domain.rendering import Files
from models import DeliveryKind


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
            yield error("file_not_read", f"The file {source} was not looked at: analyse the delivery again.")
        elif isinstance(file, FileProblem):
            yield error(file.code, file.sentence)
