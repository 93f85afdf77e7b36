"""Who wants no more messages, and how a message says how to say so."""

from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.consent.opt_out import is_opt_out, with_opt_out_line
from campaign.opt_out_words import DEFAULT

WORDS = ["stop", "arrêt", "opt out", "unsubscribe", "unsubscribe me", "abonelikten çık", "停止"]  # noqa: RUF001
LINE = "Reply STOP to get no more messages."


@pytest.mark.parametrize(
    "text",
    [
        "stop",
        "STOP!",
        "stop.",
        " \n'Stop'\n",
        "🛑 STOP ❤️",
        "❤️stop",
        "**stop**",
        "__stop__",
        "« arrêt »",
        "Arret",
        normalize("NFD", "ARRÊT"),
        "ＳＴＯＰ",  # noqa: RUF001
        "𝐒𝐓𝐎𝐏",  # noqa: RUF001
        "st\u200bop",
        "S.T.O.P.",
        "opt out",
        "Opt-out, please",
        "OPTOUT",
        "opt\n\nout",
        "unsubscribe me",
        "un-subscribe",
        "Abonelikten ÇIK!",
        "停止。",
        "Stop by our shop",
        "stop/quit",
        "Stop\nwriting to me",
    ],
)
def test_a_message_that_is_an_opt_out_word_or_begins_with_one_opts_out(text: str) -> None:
    assert is_opt_out(text, WORDS)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "!",
        "stopwatch",
        "stop-motion",
        "don't stop",
        "don’t stop",  # noqa: RUF001
        "please stop",
        "opt",
        "out",
        "opt in",
        "stopp",
    ],
)
def test_other_messages_do_not(text: str) -> None:
    assert not is_opt_out(text, WORDS)


@pytest.mark.parametrize("word", sorted({word for words in DEFAULT.values() for word in words}))
def test_every_word_that_is_set_is_understood(word: str) -> None:
    assert is_opt_out(f"“{word.upper()}”!", [word])
    assert is_opt_out(f"{word}, thanks", [word])
    assert not is_opt_out(f"I {word}", [word])


def test_without_words_nobody_opts_out() -> None:
    assert not is_opt_out("stop", [])
    assert not is_opt_out("!", ["!", ""])


@given(st.text(), st.lists(st.text(max_size=9), max_size=4))
def test_whatever_is_written_is_judged(text: str, words: list[str]) -> None:
    assert is_opt_out(text, words) in {True, False}
    assert is_opt_out(f"stop {text}", [*words, "Stop"])


def test_the_line_goes_below_the_text_with_a_blank_line_between() -> None:
    assert with_opt_out_line("Hello\n", f" {LINE}\n", WORDS) == f"Hello\n\n{LINE}"


@pytest.mark.parametrize(
    "text",
    [
        f"Hello. {LINE}",
        "Hello\nReply STOP to opt out",
        "Text “stop” to leave",
        "Répondez par le mot « arrêt » pour ne plus rien recevoir",
        "Antworte mit STOP.",
        "Send OPT OUT",
        "Just reply: **STOP**",
    ],
)
def test_a_text_that_says_how_to_opt_out_stays_as_it_is(text: str) -> None:
    assert with_opt_out_line(text, LINE, WORDS) == text


@pytest.mark.parametrize(
    "text",
    [
        "STOP! Half price today",
        "Reply to this message and we stop by",
        "We never stop. Send us a picture",
        "Reply\nSTOP",
        "Reply when you have a minute, or STOP",
        "Reply STOPWATCH to win one",
        "STOP ends this",
    ],
)
def test_a_text_that_may_mean_something_else_gets_the_line(text: str) -> None:
    assert with_opt_out_line(text, LINE, WORDS) == f"{text}\n\n{LINE}"


@pytest.mark.parametrize(("text", "line"), [("Hello ", ""), ("Hello", " \n"), ("", LINE), (" \n", LINE)])
def test_without_a_line_or_a_text_nothing_is_added(text: str, line: str) -> None:
    assert with_opt_out_line(text, line, WORDS) == text


@given(st.text(), st.text())
def test_the_text_stays_and_the_line_is_added_once(text: str, line: str) -> None:
    once = with_opt_out_line(text, line, WORDS)
    assert once.startswith(text.rstrip())
    assert with_opt_out_line(once, line, WORDS) == once
