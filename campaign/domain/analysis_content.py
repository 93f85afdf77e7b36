"""What is wrong with a delivery's content on whatever account it goes out: its parts, files and polls."""

from collections.abc import Iterable, Iterator

from campaign.domain.content import MOST_PARTS, Part, PollContent
from campaign.domain.drafts import Draft
from campaign.domain.findings import Finding, Level, error
from campaign.domain.posts import MediaKind
from campaign.domain.remarks import Remark, findings_of
from campaign.domain.rendered import FileProblem
from campaign.domain.rendering import Files, loaded
from models import DeliveryKind

MOST_IMAGES = 4
"""docs.x.com/x-api/posts/create-post: one to four media_ids; only images go together."""
LONGEST_ANSWER = 25
"""docs.x.com/x-api/posts/create-post: a poll's options have 1 to 25 characters."""


def content_findings(draft: Draft, files: Files) -> Iterator[Finding]:
    """Everything that can be said without looking at an account."""
    parts = draft.content.parts
    if draft.kind is not DeliveryKind.POST:
        yield error("not_a_post", "The delivery is a broadcast of direct messages: analyse it as one.")
    if not parts:
        yield error("no_parts", "There is nothing to post: write a text.")
    if len(parts) > MOST_PARTS:
        yield error("too_many_parts", f"The thread has {len(parts)} parts: shorten it to {MOST_PARTS} at most.")
    yield from _file_findings(parts, files)
    yield from findings_of(_remarks(parts, files), len(parts))


def _file_findings(parts: Iterable[Part], files: Files) -> Iterator[Finding]:
    for source in dict.fromkeys(item.source for part in parts for item in part.media):
        file = files.get(source)
        if file is None:
            yield error("file_not_read", f"The file {source} was not looked at: analyse the delivery again.")
        elif isinstance(file, FileProblem):
            yield error(file.code, file.sentence)


def _remarks(parts: Iterable[Part], files: Files) -> Iterator[Remark]:
    for number, part in enumerate(parts, start=1):
        if _has_too_many_files(part, files):
            yield _wrong(
                "too_many_media", number, "has more files than X shows: four images, or one GIF, or one video."
            )
        if part.poll and part.media:
            yield _wrong("poll_with_media", number, "has a poll and a file: X shows only one of them, so remove one.")
        for code, rest in _poll_problems(part.poll) if part.poll else ():
            yield _wrong(code, number, rest)


def _wrong(code: str, number: int, rest: str) -> Remark:
    return Remark(Level.ERROR, code, number, rest)


def _has_too_many_files(part: Part, files: Files) -> bool:
    """Also told before every file could be read: what is too much does not become less."""
    has_moving = any(file.kind is not MediaKind.IMAGE for file in loaded(part, files))
    return len(part.media) > (1 if has_moving else MOST_IMAGES)


def _poll_problems(poll: PollContent) -> Iterator[tuple[str, str]]:
    answers = [option.strip() for option in poll.options]
    if "" in answers:
        yield "poll_answer_empty", "has a poll with an empty answer: write something, or remove it."
    for answer in answers:
        if len(answer) > LONGEST_ANSWER:
            rest = f"has the answer {answer!r}, which is {len(answer)} characters long: shorten it to {LONGEST_ANSWER}."
            yield "poll_answer_too_long", rest
    if len({answer.casefold() for answer in answers if answer}) < len([answer for answer in answers if answer]):
        yield "poll_answers_same", "has a poll with the same answer twice: change one of them."
