from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.deliveries.draft import FileProblem, MediaItem, Part, PollContent
from campaign.x.types import MediaKind
from tests.analysing import PNG, analysed, draft, loaded, sentences, target

POLL = PollContent(options=["Tea", "Coffee"])
IMAGES = [MediaItem(source=f"{number}.png", alt_text="x") for number in range(5)]
FILES = {item.source: loaded(item.source) for item in (*IMAGES, PNG)} | {
    "a.gif": loaded("a.gif", kind=MediaKind.GIF),
    "a.mp4": loaded("a.mp4", kind=MediaKind.VIDEO),
}


def with_files(*sources: str, text: str = "Hello", **changes: Any) -> Part:
    return Part(text=text, media=[MediaItem(source=source, alt_text="x") for source in sources], **changes)


def test_a_plain_post_has_nothing_wrong() -> None:
    analysis, rendered = analysed(draft("Hello {{ service.label }}"))
    assert (analysis.is_ok, analysis.has_warnings, sentences(analysis)) == (True, False, {})
    assert [(one.service_id, one.part, one.text) for one in rendered] == [(1, 1, "Hello Acme")]


@pytest.mark.parametrize(
    ("part", "code", "sentence"),
    [
        (" \n", "empty_text", "The post on @acme has no text: write one, or add a file."),
        (
            "日" * 141,
            "too_long",
            "The post on @acme weighs 282 as X counts, 2 more than the 280 allowed: shorten it.",
        ),
        (
            "{{ service.lable }}",
            "unknown_field",
            (
                "The post on @acme cannot be personalised: there is no field service.lable: write one of"
                " service.label, service.name."
            ),
        ),
        (
            "{{ }}",
            "broken_template",
            (
                "The post on @acme cannot be personalised: line 1 of the text is not right: Expected an expression,"
                " got 'end of print statement'."
            ),
        ),
        (
            "a\x00b",
            "control_character",
            "The post on @acme has an invisible character that X refuses, U+0000: write the text anew.",
        ),
        (
            with_files("a.png", poll=POLL),
            "poll_with_media",
            "The post has a poll and a file: X shows only one of them, so remove one.",
        ),
        (
            Part(text="Which?", poll=PollContent(options=["Tea", " "])),
            "poll_answer_empty",
            "The post has a poll with an empty answer: write something, or remove it.",
        ),
        (
            Part(text="Which?", poll=PollContent(options=["Tea", "x" * 26])),
            "poll_answer_too_long",
            f"The post has the answer '{'x' * 26}', which is 26 characters long: shorten it to 25.",
        ),
        (
            Part(text="Which?", poll=PollContent(options=["Tea", "tea "])),
            "poll_answers_same",
            "The post has a poll with the same answer twice: change one of them.",
        ),
        (with_files("b.png"), "file_not_read", "The file b.png was not read: analyse the delivery again."),
    ],
)
def test_what_x_would_refuse_is_an_error_that_says_what_to_do(part: str | Part, code: str, sentence: str) -> None:
    analysis, _ = analysed(draft(part), files=FILES)
    assert sentences(analysis) == {code: sentence}
    assert not analysis.is_ok


@pytest.mark.parametrize("sources", [["0.png", "1.png", "2.png", "3.png", "4.png"], ["a.png", "a.gif"], ["a.mp4"] * 2])
def test_more_files_than_x_shows_are_an_error(sources: list[str]) -> None:
    assert sentences(analysed(draft(with_files(*sources)), files=FILES)[0]) == {
        "too_many_media": "The post has more files than X shows: four images, or one GIF, or one video."
    }
    assert analysed(draft(with_files(*sources[:1])), files=FILES)[0].is_ok


@pytest.mark.parametrize("text", ["x" * 280, "日" * 140, "https://example.com/" + "a" * 300 + " " + "x" * 256])
def test_a_text_may_weigh_all_that_is_allowed(text: str) -> None:
    assert analysed(draft(text))[0].is_ok


def test_a_file_alone_is_a_post() -> None:
    assert analysed(draft(with_files("a.png", text="")), files=FILES)[0].is_ok


def test_a_file_that_cannot_be_sent_is_reported_once_in_its_own_words() -> None:
    problem = FileProblem("a.png", "too_large", "a.png has 6 MB: make it smaller.")
    part = with_files("a.png", text="")
    analysis, rendered = analysed(draft(part, part), files={"a.png": problem})
    assert sentences(analysis) == {"too_large": "a.png has 6 MB: make it smaller."}
    assert [one.files for one in rendered] == [(), ()]


def test_each_part_has_its_own_words_for_the_same_file() -> None:
    parts = [Part(text=alt, media=[MediaItem(source="a.png", alt_text=alt)]) for alt in ("one", "two")]
    _, rendered = analysed(draft(*parts), files=FILES)
    assert [one.files[0].alt_text for one in rendered] == ["one", "two"]


def test_the_same_mistake_on_several_accounts_is_one_finding() -> None:
    accounts = [target(f"a{number}", number) for number in range(1, 8)]
    said = sentences(analysed(draft("Hello", " ", "Bye"), *accounts[:2])[0])["empty_text"]
    assert said == "Part 2 of 3 on @a1 and @a2 has no text: write one, or add a file."
    said = sentences(analysed(draft("Hello", " ", "Bye"), *accounts)[0])["empty_text"]
    assert said.startswith("Part 2 of 3 on @a1, @a2, @a3, @a4, @a5 and 2 others has")


def test_only_the_account_whose_text_is_too_long_is_named() -> None:
    analysis, _ = analysed(draft("x" * 277 + "{{ service.label }}"), target("abc"), target("abcde", 2))
    assert sentences(analysis)["too_long"].startswith("The post on @abcde weighs 282 as X counts, 2 more than the 280")


@pytest.mark.parametrize(("one", "other"), [("Hello", "Hello"), ("Hello ", "Hello"), ("Hi a.com", "Hi http://a.com/")])
def test_the_same_text_twice_in_a_thread_is_an_error(one: str, other: str) -> None:
    errors = {finding.code: finding.sentence for finding in analysed(draft(one, "b", other))[0].errors}
    assert errors == {
        "duplicate_parts": "Part 3 of 3 on @acme says the same as part 1 of 3, which X refuses: change one of them."
    }


def test_parts_without_text_are_no_duplicates() -> None:
    assert analysed(draft(with_files("0.png", text=""), with_files("1.png", text="")), files=FILES)[0].is_ok


@given(st.lists(st.text(max_size=20), max_size=4))
def test_every_text_is_analysed_and_every_sentence_is_one(texts: list[str]) -> None:
    analysis, _ = analysed(draft(*(Part.model_construct(text=text, media=[], poll=None) for text in texts)))
    for finding in analysis.findings:
        assert finding.sentence.endswith((".", ")"))
        assert "\x00" not in finding.sentence
