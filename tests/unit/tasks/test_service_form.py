"""What the form of a service says of direct messages, as the UIs leave it and as it is kept."""

from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.objects import BlockDocument

from campaign.errors import WrongUsage
from campaign.services.store import SavedService
from models import OPT_OUT_LINE, MessagePolicy
from tasks.twitter_service import TwitterService, describe, read_form
from tests.factories import NOW

REQUIRED = {
    "label": "Acme",
    "internal_name": "acme",
    "consumer_key": "the-consumer-key",
    "consumer_secret": "the-consumer-secret",
    "access_token": "the-access-token",
    "access_token_secret": "the-access-token-secret",
}


def kept(**fields: Any) -> SavedService:
    """What is kept of a saved form with these fields."""
    document = BlockDocument(
        name="acme",
        data=REQUIRED | fields,
        id=UUID(int=1),
        block_schema_id=UUID(int=2),
        block_type_id=UUID(int=3),
        created=NOW,
        updated=NOW,
    )
    return describe(document, read_form(document))


def test_a_form_without_the_fields_has_their_defaults() -> None:
    form = kept()
    assert (form.message_policy, form.opt_out_line) == (MessagePolicy.ALL_FOLLOWERS, OPT_OUT_LINE)
    assert (form.frequency_cap, form.frequency_days, form.daily_limit) == (0, 7, 0)
    assert (form.quiet_hours, form.timezone) == ("", "")


def test_what_is_filled_in_is_kept() -> None:
    form = kept(
        message_policy="consented_only",
        opt_out_line="Write STOP.",
        frequency_cap=2,
        frequency_days=30,
        quiet_hours="22:00-08:00",
        timezone="Europe/Brussels",
        daily_limit=500,
    )
    assert (form.message_policy, form.opt_out_line) == (MessagePolicy.CONSENTED_ONLY, "Write STOP.")
    assert (form.frequency_cap, form.frequency_days, form.daily_limit) == (2, 30, 500)
    assert (form.quiet_hours, form.timezone) == ("22:00-08:00", "Europe/Brussels")


@pytest.mark.parametrize("emptied", ["", "  ", None, "-", " - "])
def test_an_opt_out_line_that_was_emptied_is_none(emptied: str | None) -> None:
    assert kept(opt_out_line=emptied).opt_out_line == ""


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
    assert kept(**emptied) == kept()


def test_nobody_is_asked_to_share_anything_until_the_form_says_why() -> None:
    form = kept()
    assert (form.join_purpose, form.asks_email, form.has_oauth2) == ("", False, False)
    assert form.reconciliation == "x_user_id, email"
    asking = kept(join_purpose=" To greet you. ", asks_email=True, client_id="id", client_secret="a-secret")
    assert (asking.join_purpose, asking.asks_email, asking.has_oauth2) == ("To greet you.", True, True)


def test_the_keys_of_oauth2_count_only_together_and_are_not_kept() -> None:
    assert not kept(client_id="the-client-id").has_oauth2
    assert not kept(client_id="the-client-id", client_secret=None).has_oauth2
    assert "the-client" not in repr(kept(client_id="the-client-id", client_secret="the-client-secret"))


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
    assert kept(reconciliation=written).reconciliation == stored


@pytest.mark.parametrize("written", ["9:05-17:30", " 09:05 - 17:30 ", "09:05\N{EN DASH}17:30"])
def test_quiet_hours_are_kept_in_one_form_that_fits_the_column(written: str) -> None:
    assert kept(quiet_hours=written).quiet_hours == "09:05-17:30"


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("message_policy", "everybody", "Direct messages to"),
        ("message_policy", None, "Direct messages to"),
        ("opt_out_line", "x" * 501, "Opt-out line"),
        ("frequency_cap", -1, "Frequency cap"),
        ("frequency_cap", 1.5, "Frequency cap"),
        ("frequency_days", 0, "Days of the frequency cap"),
        ("frequency_days", 2**31, "Days of the frequency cap"),
        ("quiet_hours", "at night", "The quiet hours 'at night' cannot be read"),
        ("quiet_hours", "25:00-08:00", "The quiet hours '25:00-08:00' name no time"),
        ("quiet_hours", "22:00-22:00", "The quiet hours '22:00-22:00' end when they begin"),
        ("timezone", "Brussels", "The time zone 'Brussels' is not known"),
        ("timezone", "../etc/passwd", "The time zone '../etc/passwd' is not known"),
        ("daily_limit", 2**31, "Daily limit"),
        ("join_purpose", "x" * 1001, "Purpose of sharing"),
        ("reconciliation", "email, phone", "A contact cannot be found by 'phone'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence_that_names_the_field(field: str, value: Any, named: str) -> None:
    with pytest.raises(WrongUsage) as refused:
        kept(**{field: value})
    assert str(refused.value).startswith(f"The service saved as 'acme' cannot be used: {named}")
    assert str(refused.value).count(". ") == 0


def test_services_of_one_app_have_one_mark_that_does_not_tell_the_key() -> None:
    one, same, other = kept(), kept(access_token="another"), kept(consumer_key="another-key")
    assert one.app == same.app != other.app
    assert len(one.app) == 16
    assert set(one.app) <= set("0123456789abcdef")


@pytest.mark.parametrize("name", [name for name in TwitterService.model_fields if name not in REQUIRED])
def test_both_uis_can_show_a_field_and_know_its_default(name: str) -> None:
    shown = TwitterService.model_json_schema()["properties"][name]
    assert shown["type"] in {"string", "boolean", "integer", "number"}
    assert shown["title"]
    assert "default" in shown
    assert not {"anyOf", "allOf", "$ref", "const", "ge", "le"} & shown.keys()
