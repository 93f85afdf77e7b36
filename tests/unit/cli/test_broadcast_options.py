"""What a person types of waves and people, read."""

from datetime import timedelta
from pathlib import Path

import pytest

from campaign.audience.people_files import read_people
from campaign.cli.delivery_options import length_of_time
from campaign.deliveries.draft import LONGEST_LIST
from campaign.errors import WrongUsage


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("1d", timedelta(days=1)),
        ("6h", timedelta(hours=6)),
        ("30m", timedelta(minutes=30)),
        ("0h", timedelta()),
        ("1d12h", timedelta(hours=36)),
        (" 1D ", timedelta(days=1)),
    ],
)
def test_a_length_of_time_is_read(text: str, length: timedelta) -> None:
    assert length_of_time(text) == length


@pytest.mark.parametrize("text", ["", "d", "1", "1w", "-1d", "1.5h", "1h1d", "99999d", "61d", "\u0663d"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(WrongUsage, match=r"length of time|longer than"):
        length_of_time(text)


@pytest.mark.parametrize(
    ("text", "people"),
    [
        ("ann\n@bob\n42\n", ["ann", "@bob", "42"]),
        ("# friends\n\nann # the first\n   \n", ["ann"]),
        ('ann,"Ann, the first"\nbob;x\n'.replace("bob;x", "bob,"), ["ann", "bob"]),
        ("ann;Ann\nbob;Bob\n", ["ann", "bob"]),
        ("\ufeffann\r\nbob\r\n", ["ann", "bob"]),
        ('Service,External ID,Full name\nacme,42,"Ann\nLee"\nacme,43,Bob\n', ["42", "43"]),
        ("Username\tName\nann\tAnn\n", ["ann"]),
    ],
)
def test_people_are_read_from_lines_and_columns(tmp_path: Path, text: str, people: list[str]) -> None:
    file = tmp_path / "people"
    file.write_text(text, encoding="utf-8", newline="")
    assert read_people(file, LONGEST_LIST) == people


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"ann\n\nb c\n", "line 3: 'b c' is not a handle on X"),
        (b"a b\n" * 12, "; and 2 more lines"),
        (b"\xfc", "is not written in UTF-8"),
        (b"1\n" * 100_001, "names more than 100,000 people"),
        (b"1" * 21, "21 characters long"),
    ],
)
def test_a_file_that_names_nobody_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    file = tmp_path / "people"
    file.write_bytes(content)
    with pytest.raises(WrongUsage) as refused:
        read_people(file, LONGEST_LIST)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_hundred_thousand_people_are_read(tmp_path: Path) -> None:
    file = tmp_path / "people"
    file.write_text("".join(f"{number}\n" for number in range(100_000)))
    assert len(read_people(file, LONGEST_LIST)) == 100_000
