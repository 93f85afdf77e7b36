from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.deliveries.draft import MediaItem, Part, PollContent
from campaign.posts.analysis import Analysis, PlannedPost
from campaign.x.types import MediaKind, ReplySettings
from tests.analysing import PNG, analysed, draft, facts, loaded, target
from tests.factories import NOW


def test_a_plain_post_costs_its_price_and_takes_one_call() -> None:
    analysis, _ = analysed(draft("Hello"))
    assert (analysis.messages, analysis.calls, analysis.cost) == (1, 1, Decimal("0.015"))
    assert facts(analysis) == [
        "On @acme it costs $0.015 of $50.00 left this month.",
        "It takes 1 call of X's API.",
        "On @acme the first post goes out at 2026-11-26 07:30:00 UTC.",
        "What goes out on @acme is public. Everyone may answer.",
    ]


def test_the_rendered_text_decides_what_a_post_costs() -> None:
    linked = target("linked", 2, fields=(("label", "example.com"),))
    analysis, _ = analysed(draft("Hi {{ service.label }}"), target(), linked)
    assert analysis.cost == Decimal("0.215")


@pytest.mark.parametrize(
    ("size", "kind", "alt_text", "calls"),
    [
        (1, MediaKind.IMAGE, "", 1 + 3),
        (1_000_000, MediaKind.IMAGE, "", 1 + 3),
        (1_000_001, MediaKind.IMAGE, "A fox", 1 + 5),
        (2_000_000, MediaKind.VIDEO, "", 1 + 5),
        (2_000_000, MediaKind.GIF, "A fox", 1 + 6),
    ],
)
def test_a_file_takes_its_pieces_and_what_goes_with_them(size: int, kind: MediaKind, alt_text: str, calls: int) -> None:
    part = Part(text="Hi", media=[MediaItem(source="a.png", alt_text=alt_text)])
    analysis, _ = analysed(draft(part), files={"a.png": loaded(size=size, kind=kind)})
    assert analysis.calls == calls
    assert analysis.cost == Decimal("0.025") + (Decimal("0.005") if alt_text else 0)


def test_a_file_is_sent_and_described_once_for_each_account() -> None:
    parts = [Part(text="Hi", media=[PNG]), Part(text="Ho", media=[PNG])]
    analysis, _ = analysed(draft(*parts), target(), target("beta", 2), files={"a.png": loaded()})
    assert analysis.cost == 4 * Decimal("0.015") + 2 * (Decimal("0.010") + Decimal("0.005"))
    assert analysis.calls == 4 + 2 * (2 + 3 + 1)


def test_each_part_with_files_or_a_poll_says_what_it_costs() -> None:
    fox, film = MediaItem(source="a.png", alt_text="A fox"), MediaItem(source="b.png")
    poll = PollContent(options=["Tea", "Coffee"])
    parts = [
        Part(text="Hi", media=[fox, film]),
        Part(text="Again", media=[fox]),
        Part(text="?", poll=poll),
        Part(text="x"),
    ]
    files = {"a.png": loaded(), "b.png": loaded("b.png")}
    analysis, _ = analysed(draft(*parts), files=files)
    assert [one.sentence for one in analysis.findings if one.code == "part_cost"] == [
        (
            "Part 1 of 4 on @acme costs $0.04: the post $0.015, 2 files $0.02, alternative text $0.005; deleting it"
            " later $0.005."
        ),
        "Part 2 of 4 on @acme costs $0.015: the post $0.015; deleting it later $0.005.",
        "Part 3 of 4 on @acme costs $0.015: the post $0.015, its poll nothing; deleting it later $0.005.",
    ]
    assert analysis.cost == Decimal("0.085")


def test_the_parts_of_a_thread_follow_each_other_when_x_allows_it() -> None:
    date = NOW + timedelta(hours=1)
    late = target("late", 2, open_at=NOW + timedelta(hours=2))
    analysis, _ = analysed(draft("a", "b", contact_date=date), target(open_at=NOW), late)
    assert analysis.timetable == [
        PlannedPost(service="acme", part=1, at=date),
        PlannedPost(service="acme", part=2, at=date + timedelta(seconds=1)),
        PlannedPost(service="late", part=1, at=NOW + timedelta(hours=2)),
        PlannedPost(service="late", part=2, at=NOW + timedelta(hours=2, seconds=1)),
    ]
    assert analysis.ends_at == NOW + timedelta(hours=2, seconds=1)
    assert "On @late the first post goes out at 2026-11-26 09:30:00 UTC, the last of 2 at 2026-11-26 09:30:01 UTC." in (
        facts(analysis)
    )


def test_a_date_that_is_over_is_as_soon_as_possible() -> None:
    analysis, _ = analysed(draft("a", contact_date=NOW - timedelta(days=1)))
    assert analysis.ends_at == NOW


@pytest.mark.parametrize("settings", [None, *ReplySettings])
def test_who_sees_it_and_who_may_answer_is_reported(settings: ReplySettings | None) -> None:
    analysis, _ = analysed(draft("a", reply_settings=settings), target(), target("secret", 2, protected=True))
    told = [sentence for sentence in facts(analysis) if sentence.startswith("What goes out")]
    assert told[0] == "What goes out on @secret is seen by its followers only."
    assert told[1].startswith("What goes out on @acme is public. ")


def test_nothing_to_send_costs_nothing_and_says_nothing_of_it() -> None:
    analysis, _ = analysed(draft("{{ nothing }}"))
    assert (analysis.messages, analysis.calls, analysis.cost) == (0, 0, Decimal(0))
    assert analysis.ends_at is None
    assert [finding.code for finding in analysis.findings] == ["unknown_field", "public_audience"]


@given(st.lists(st.sampled_from(["Hello", "a.com", "", "{{ x }}", "<b>"]), max_size=3))
def test_an_analysis_comes_back_from_json_as_it_was(texts: list[str]) -> None:
    analysis, _ = analysed(draft(*texts), target(), target("beta", 2))
    assert Analysis.model_validate_json(analysis.model_dump_json()) == analysis


@given(st.lists(st.sampled_from(["Hello", "a.com", "", "{{ x }}"]), min_size=1, max_size=4), st.integers(0, 60))
def test_a_delivery_without_errors_never_costs_more_than_is_left(texts: list[str], cents: int) -> None:
    left = Decimal(cents) / 100
    analysis, rendered = analysed(draft(*texts), target(left=left))
    assert not analysis.is_ok or analysis.cost <= left
    assert not analysis.is_ok or len(rendered) == len(texts)
