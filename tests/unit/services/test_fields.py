"""The fields of a service as a person fills them in, and what is kept of them."""

from typing import Any

import pytest

from campaign.errors import WrongUsage
from campaign.services.fields import read_fields
from models import OPT_OUT_LINE, MessagePolicy
from tests.factories import form


def columns(**fields: Any) -> dict[str, Any]:
    """What the table keeps of these fields."""
    return form(**fields).columns()


def test_a_form_without_the_fields_has_their_defaults() -> None:
    made = columns()
    assert (made["message_policy"], made["opt_out_line"]) == (MessagePolicy.ALL_FOLLOWERS, OPT_OUT_LINE)
    assert (made["frequency_cap"], made["frequency_days"], made["daily_limit"]) == (0, 7, 0)
    assert (made["quiet_hours"], made["timezone"]) == ("", "")


def test_what_is_filled_in_is_columns() -> None:
    made = columns(
        message_policy="consented_only",
        opt_out_line="Write STOP.",
        frequency_cap=2,
        frequency_days=30,
        quiet_hours="22:00-08:00",
        timezone="Europe/Brussels",
        daily_limit=500,
    )
    assert (made["message_policy"], made["opt_out_line"]) == (MessagePolicy.CONSENTED_ONLY, "Write STOP.")
    assert (made["frequency_cap"], made["frequency_days"], made["daily_limit"]) == (2, 30, 500)
    assert (made["quiet_hours"], made["timezone"]) == ("22:00-08:00", "Europe/Brussels")


@pytest.mark.parametrize("emptied", ["", "  ", None, "-", " - "])
def test_an_opt_out_line_that_was_emptied_is_none(emptied: str | None) -> None:
    assert columns(opt_out_line=emptied)["opt_out_line"] == ""


def test_a_field_that_a_ui_emptied_to_null_says_nothing() -> None:
    emptied = dict.fromkeys(
        (
            "frequency_cap",
            "frequency_days",
            "quiet_hours",
            "timezone",
            "daily_limit",
            "join_purpose",
            "asks_email",
            "client_id",
            "client_secret",
        )
    )
    assert columns(**emptied) == columns()


def test_no_person_is_asked_to_share_anything_until_the_form_says_why() -> None:
    made = columns()
    assert (made["join_purpose"], made["asks_email"], made["has_oauth2"]) == ("", False, False)
    assert made["reconciliation"] == "x_user_id, email"
    asking = columns(join_purpose=" To greet you. ", asks_email=True, client_id="id", client_secret="a-secret")
    assert (asking["join_purpose"], asking["asks_email"], asking["has_oauth2"]) == ("To greet you.", True, True)


def test_the_keys_of_oauth2_count_only_together_and_are_not_columns() -> None:
    assert not columns(client_id="the-client-id")["has_oauth2"]
    assert not columns(client_id="the-client-id", client_secret=None)["has_oauth2"]
    assert "the-client" not in repr(columns(client_id="the-client-id", client_secret="the-client-secret"))


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("Email,  username ", "email, username"),
        ("email, email", "email"),
        ("-", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_reconciliation_is_kept_in_one_form(written: str | None, stored: str) -> None:
    assert columns(reconciliation=written)["reconciliation"] == stored


@pytest.mark.parametrize("written", ["9:05-17:30", " 09:05 - 17:30 ", "09:05\N{EN DASH}17:30"])
def test_quiet_hours_are_kept_in_one_form_that_fits_the_column(written: str) -> None:
    assert columns(quiet_hours=written)["quiet_hours"] == "09:05-17:30"


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("label", "", "Label cannot be '': string should have at least 1 character."),
        ("internal_name", "@acme", "Write the handle without the @: acme."),
        ("message_policy", "everybody", "Direct messages to cannot be 'everybody': input should be"),
        ("message_policy", None, "Direct messages to cannot be 'None': input should be"),
        ("opt_out_line", "x" * 501, "Opt-out line cannot be 'xxx"),
        ("frequency_cap", -1, "Frequency cap cannot be '-1': input should be greater than or equal to 0."),
        ("frequency_cap", 1.5, "Frequency cap cannot be '1.5'"),
        ("frequency_days", 0, "Days of the frequency cap cannot be '0'"),
        ("frequency_days", 2**31, "Days of the frequency cap cannot be"),
        ("quiet_hours", "at night", "Invalid quiet hours 'at night'"),
        ("quiet_hours", "25:00-08:00", "Invalid quiet hours '25:00-08:00'"),
        ("quiet_hours", "22:00-22:00", "Invalid quiet hours '22:00-22:00': they end when they begin"),
        ("timezone", "Brussels", "Unknown time zone 'Brussels'"),
        ("timezone", "../etc/passwd", "Unknown time zone '../etc/passwd'"),
        ("daily_limit", 2**31, "Daily limit cannot be"),
        ("join_purpose", "x" * 1001, "Purpose of sharing cannot be"),
        ("reconciliation", "email, phone", "Invalid reconciliation key 'phone'"),
        ("consumer_key", "", "The consumer key is empty"),
        ("access_token", None, "Access token is missing"),
        ("access_token", 7, "Access token is not a text"),
    ],
)
def test_a_wrong_field_is_named_with_what_to_write(field: str, value: Any, sentence: str) -> None:
    with pytest.raises(WrongUsage) as refused:
        columns(**{field: value})
    assert str(refused.value).startswith(sentence)


def test_all_problems_are_in_one_message_by_the_labels_of_the_form() -> None:
    with pytest.raises(WrongUsage) as refused:
        read_fields({"internal_name": "no spaces", "frequency_cap": -1, "timezone": "Brussels", "access_token": "x"})
    for words in (
        "Label is missing",
        "'no spaces' is not a handle",
        "Consumer key is missing",
        "Consumer secret is missing",
    ):
        assert words in str(refused.value)
    for words in ("Access token secret is missing", "Frequency cap cannot be '-1'", "Unknown time zone 'Brussels'"):
        assert words in str(refused.value)


def test_no_sentence_shows_a_secret() -> None:
    with pytest.raises(WrongUsage) as refused:
        columns(consumer_key="a secret with blanks", access_token="also secret\n", frequency_cap=-1)
    assert "secret with" not in str(refused.value)
    with pytest.raises(WrongUsage) as refused:
        columns(consumer_key="a secret with blanks", access_token="also secret\n")
    assert "secret with" not in str(refused.value)
    assert str(refused.value).count("contains a space or a line break") == 2


def test_services_of_one_app_have_one_mark_that_does_not_tell_the_key() -> None:
    one, same, other = columns(), columns(access_token="another"), columns(consumer_key="another-key")
    assert one["app"] == same["app"] != other["app"]
    assert len(one["app"]) == 16
    assert set(one["app"]) <= set("0123456789abcdef")
