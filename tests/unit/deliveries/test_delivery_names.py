import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.deliveries.draft import delivery_name
from models import DeliveryKind

DAY = date(2026, 11, 26)
NAME = re.compile(r"(post|dm)-2026-11-26(-[a-z0-9]+)*")


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("Launch", "post-2026-11-26-launch"),
        ("  Big  launch: 50% off!  ", "post-2026-11-26-big-launch-50-off"),
        ("Größe, Łódź & İstanbul", "post-2026-11-26-grosse-lodz-istanbul"),
        ("\uff28\uff45\uff4c\uff4c\uff4f", "post-2026-11-26-hello"),
        ("日本", "post-2026-11-26-ri-ben"),
        ("!?", "post-2026-11-26"),
        ("", "post-2026-11-26"),
    ],
)
def test_a_name_is_made_of_the_label_in_plain_letters(label: str, name: str) -> None:
    assert delivery_name(label, DeliveryKind.POST, DAY, ()) == name


def test_a_broadcast_is_named_as_one() -> None:
    assert delivery_name("Hello", DeliveryKind.DM, DAY, ()) == "dm-2026-11-26-hello"


def test_a_name_that_is_taken_gets_the_next_free_number() -> None:
    taken = {"post-2026-11-26-launch", "post-2026-11-26-launch-2"}
    assert delivery_name("launch", DeliveryKind.POST, DAY, taken) == "post-2026-11-26-launch-3"
    assert delivery_name("", DeliveryKind.POST, DAY, {"post-2026-11-26"}) == "post-2026-11-26-2"


def test_a_long_name_has_room_for_its_number() -> None:
    first = delivery_name("x" * 200, DeliveryKind.POST, DAY, ())
    second = delivery_name("x" * 200, DeliveryKind.POST, DAY, {first})
    assert (len(first), len(second), second[-3:]) == (80, 80, "x-2")


@given(label=st.text(max_size=100), count=st.integers(0, 12))
def test_names_are_plain_short_and_never_twice_the_same(label: str, count: int) -> None:
    taken: set[str] = set()
    for _ in range(count):
        name = delivery_name(label, DeliveryKind.POST, DAY, taken)
        assert name not in taken
        assert len(name) <= 80
        assert NAME.fullmatch(name)
        taken.add(name)
