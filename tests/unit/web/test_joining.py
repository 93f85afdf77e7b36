"""What the page asks, and when it may ask at all."""

from typing import Any

import pytest

from campaign.web.sign_in import Asked, asked_by, missing
from models import Service
from tests import factories

TERMS, PRIVACY, PUBLIC = "https://acme.example/terms", "https://acme.example/privacy", "https://social.example.com"


def service(**fields: Any) -> Service:
    return factories.service(**{"join_purpose": "To greet you.", "has_oauth2": True} | fields)


def asked(**fields: Any) -> Asked:
    return asked_by(service(**fields), TERMS, PRIVACY)


def test_everything_that_is_shown_is_in_the_text_that_is_kept() -> None:
    page = asked(asks_email=True)
    for shown in (page.label, page.handle, page.purpose, *page.shared, page.box, page.link_box, TERMS, PRIVACY):
        assert shown in page.text


def test_the_handle_is_the_one_that_x_writes() -> None:
    assert asked(x_username="Acme_BE").handle == "Acme_BE"
    assert asked().handle == "acme"


@pytest.mark.parametrize(
    "changed",
    [{"label": "Acme!"}, {"join_purpose": "To greet"}, {"asks_email": True}, {"reconciliation": ""}],
)
def test_the_version_changes_with_whatever_is_asked(changed: dict[str, Any]) -> None:
    assert asked(**changed).version != asked().version
    assert asked().version == asked().version
    assert asked_by(service(), TERMS, "").version != asked().version


@pytest.mark.parametrize(("wants", "can", "asks"), [(True, True, True), (True, False, False), (False, True, False)])
def test_the_address_is_named_only_when_it_can_be_had(wants: bool, can: bool, asks: bool) -> None:
    assert ("email" in asked(asks_email=wants, has_oauth2=can, reconciliation="").text) is asks


@pytest.mark.parametrize(
    ("keys", "is_asked"),
    [("x_user_id, email", True), ("username", True), ("x_user_id", False), ("", False)],
)
def test_linking_is_asked_only_where_something_is_linked(keys: str, is_asked: bool) -> None:
    assert bool(asked(reconciliation=keys).link_box) is is_asked


def test_a_page_with_everything_set_lacks_nothing() -> None:
    assert missing(service(), PUBLIC, TERMS, PRIVACY, is_simulated=False) == []


@pytest.mark.parametrize("setting", range(3))
def test_each_missing_setting_is_named_alone(setting: int) -> None:
    given = [PUBLIC, TERMS, PRIVACY]
    given[setting] = ""
    (sentence,) = missing(service(), *given, is_simulated=False)
    assert ("CAMPAIGN_PUBLIC_URL", "CAMPAIGN_TERMS_URL", "CAMPAIGN_PRIVACY_URL")[setting] in sentence


def test_a_simulated_x_needs_no_terms_and_a_purpose_all_the_same() -> None:
    assert missing(service(), PUBLIC, "", "", is_simulated=True) == []
    (sentence,) = missing(service(join_purpose=""), PUBLIC, "", "", is_simulated=True)
    assert "Purpose of sharing" in sentence
