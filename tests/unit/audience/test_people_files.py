"""Files that name people, read strictly: every person, or a refusal that names the lines."""

from pathlib import Path

import pytest

from campaign.audience.people_files import check_person, read_people, read_rows
from campaign.errors import WrongUsage

COLUMNS = ("external_id", "username", "notes")


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    file = folder / "people.csv"
    file.write_bytes(text.encode(encoding))
    return file


def rows(file: Path) -> list[tuple[int, list[str]]]:
    """Every row: its line, and its X user id, handle and notes."""
    return read_rows(file, COLUMNS, COLUMNS[:2], lambda cells: [cells[name] for name in COLUMNS])


def refused(file: Path) -> tuple[str, str]:
    """The refusals of both readers."""
    with pytest.raises(WrongUsage) as as_people:
        read_people(file, 100_000)
    with pytest.raises(WrongUsage) as as_rows:
        rows(file)
    return str(as_people.value), str(as_rows.value)


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
        ("# friends\nnotes,username\n#1 fan,ann\n2,bob\n", ["ann", "bob"]),
    ],
)
def test_people_are_read_from_lines_and_columns(tmp_path: Path, text: str, people: list[str]) -> None:
    file = tmp_path / "people"
    file.write_text(text, encoding="utf-8", newline="")
    assert read_people(file, 100_000) == people


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"ann\n\nb c\n", "line 3: 'b c' is not a handle on X"),
        (b"a b\n" * 12, "; and 2 more lines"),
        (b"\xfc", "is not written in UTF-8"),
        (b"1\n" * 100_001, "names more than 100,000 people"),
        (b"1" * 21, "21 characters long"),
        (b"username\nann\n#bob\n", "line 3: '#bob' is not a handle on X"),
        (b"ann\n1,23E+18\n", "line 2: a spreadsheet has rounded the X user id 1,23E+18"),
    ],
)
def test_a_file_without_a_readable_person_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    file = tmp_path / "people"
    file.write_bytes(content)
    with pytest.raises(WrongUsage) as refused:
        read_people(file, 100_000)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_hundred_thousand_people_are_read(tmp_path: Path) -> None:
    file = tmp_path / "people"
    file.write_text("".join(f"{number}\n" for number in range(100_000)))
    assert len(read_people(file, 100_000)) == 100_000


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_both_readers_read_what_a_spreadsheet_saves(tmp_path: Path, separator: str, encoding: str, end: str) -> None:
    lines = ["Username,notes", 'ana,"Á', '# one; two, three"', "@bob,x", ",", 'https://x.com/Carl,"say ""hi"""']
    text = "".join(line.replace(",", separator) + end for line in lines)
    file = write(tmp_path, text, encoding)
    assert read_people(file, 100_000) == ["ana", "@bob", "Carl"]
    second = f"Á{end}# one; two, three".replace(",", separator)
    assert rows(file) == [(2, ["", "ana", second]), (4, ["", "@bob", "x"]), (6, ["", "Carl", 'say "hi"'])]


def test_the_line_that_names_the_separator_is_understood(tmp_path: Path) -> None:
    assert read_people(write(tmp_path, "sep=;\nusername;notes\nana;x, y\n"), 100) == ["ana"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('username,notes\nana,x\nbob,"y\ncarl,z\n', "line 3: a double quote is never closed"),
        ('username,notes\nana,x\n"bob" y,z\ncarl,z\n', "line 3: text follows a closing double quote"),
        ("username,notes\nana,x,y\nbob,x\n", "line 2: 3 cells instead of 2"),
        ("username,notes\nana,x\nbob\n", "line 3: 1 cell instead of 2"),
        ("username,Username\nana,bob\n", "2 columns for username: 'username', 'Username'"),
        ("handle;screen name\nana;bob\n", "2 columns for username: 'handle', 'screen name'"),
        ("External ID,user_id\n1,2\n", "2 columns for external_id"),
        ("external_id,username\n5,https://x.com/i/user/6\n", "line 2: the row names two people, 5 and 6"),
        (
            "username\nhttps://x.com/ana/status/1\n",
            "line 2: 'https://x.com/ana/status/1' is not the address of a profile",
        ),
        ("username\nx.com/home\n", "line 2: 'x.com/home' is not the address of a profile"),
        ("username\nx.com/i/lists/5\n", "line 2: 'x.com/i/lists/5' is not the address of a profile"),
    ],
)
def test_both_readers_refuse_by_line(tmp_path: Path, text: str, problem: str) -> None:
    assert all(problem in sentence for sentence in refused(write(tmp_path, text)))


def test_all_problems_are_named_at_once_and_a_long_cell_is_cut(tmp_path: Path) -> None:
    file = write(tmp_path, "external_id,username\nx,\n,b c\n1,ana,2\n" + f'"{"y" * 10_000}",\n')
    with pytest.raises(WrongUsage) as wrong:
        read_people(file, 100)
    assert [f"line {line}: " in str(wrong.value) for line in (1, 2, 3, 4, 5)] == [False, True, True, True, True]
    assert len(str(wrong.value)) < 1_000


@pytest.mark.parametrize("text", ["@ana,@bob\n", "ana, bob, carl\n", "x.com/ana;x.com/bob\n"])
def test_several_people_in_a_line_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(WrongUsage, match=r"line 1: .*in one line; write one person a line"):
        read_people(write(tmp_path, text), 100)


def test_a_row_without_an_id_names_its_handle(tmp_path: Path) -> None:
    file = write(tmp_path, "External ID,Username\n'1257683100473814718,ana\n,bob\n,0042\n,\n")
    assert read_people(file, 100) == ["1257683100473814718", "bob", "@0042"]


@pytest.mark.parametrize(
    ("text", "person"),
    [
        ("https://x.com/ana", "ana"),
        ("HTTPS://X.com/@Ana/", "Ana"),
        ("twitter.com/ana?s=20&t=abc", "ana"),
        ("http://www.twitter.com/#!/ana", "ana"),
        ("https://mobile.twitter.com/ana/with_replies", "ana"),
        ("x.com/i/user/123", "123"),
        ("https://twitter.com/intent/user?user_id=123", "123"),
        ("https://x.com/intent/follow?screen_name=ana", "ana"),
        ("https://x.com/123", "@123"),
        ("\uff20ana", "@ana"),
        ("@ana", "@ana"),
        ("123", "123"),
    ],
)
def test_the_address_of_a_profile_names_its_person(text: str, person: str) -> None:
    assert check_person(text) == person


@pytest.mark.parametrize("text", ["", "@", "a b", "x.com", "https://x.com/", "https://instagram.com/ana", "x.com/a-b"])
def test_other_text_names_no_person(text: str) -> None:
    with pytest.raises(WrongUsage):
        check_person(text)
