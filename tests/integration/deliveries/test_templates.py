"""Templates on both databases: what deliveries start from, and the built-in ones that nobody changes."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from campaign.db.engine import read_session, transaction
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import Content, Draft, Part
from campaign.deliveries.store import delete_template, duplicate_template, template_for
from campaign.errors import NotPossible, WrongUsage
from models import ApprovalMode, DeliveryKind
from tests.factories import NOW

DRAFT = Draft(
    label="Weekly",
    services=["acme"],
    proof_service="secret",
    content=Content(parts=[Part(text="Hello")]),
    contact_date=NOW,
    validity_days=2,
    approval=ApprovalMode.AUTOMATIC,
    tracking=False,
)

pytestmark = pytest.mark.usefixtures("database")


def save(name: str = "weekly", draft: Draft = DRAFT, *, with_content: bool = False) -> None:
    with transaction() as session:
        deliveries.save(session, name, "Weekly post", draft, with_content=with_content)


def started(name: str) -> Draft:
    with read_session() as session:
        return deliveries.draft_of_template(deliveries.find_template(session, name))


def names() -> list[str]:
    with read_session() as session:
        return [template.name for template in deliveries.list_templates(session)]


def test_the_built_in_ones_are_always_there() -> None:
    with read_session() as session:
        found = {one.name: (one.label, one.kind, one.is_built_in) for one in deliveries.list_templates(session)}
    assert found == {
        "twitter": ("Tweet", DeliveryKind.POST, True),
        "twitterDM": ("Tweet (Direct Message)", DeliveryKind.DM, True),
    }
    assert started("twitter") == Draft()


def test_a_delivery_starts_from_its_kinds_own_when_none_is_named() -> None:
    chosen = [template_for(kind, None).name for kind in (None, DeliveryKind.POST, DeliveryKind.DM)]
    assert chosen == ["twitter", "twitter", "twitterDM"]
    with pytest.raises(WrongUsage, match="twitterDM is for deliveries of the kind dm"):
        template_for(DeliveryKind.POST, "twitterDM")


@pytest.mark.parametrize("with_content", [True, False])
def test_a_template_keeps_all_but_the_moment_and_unwanted_content(with_content: bool) -> None:
    save(with_content=with_content)
    kept = {"contact_date": None} | ({} if with_content else {"content": Content()})
    assert started("weekly") == DRAFT.model_copy(update=kept)


def test_a_saved_template_is_replaced_by_a_new_one_of_its_name() -> None:
    save()
    save(draft=DRAFT.model_copy(update={"validity_days": 9}))
    assert started("weekly").validity_days == 9
    assert names() == ["twitter", "twitterDM", "weekly"]


@pytest.mark.parametrize("name", ["twitter", "twitterDM"])
def test_a_built_in_template_is_only_duplicated(name: str) -> None:
    for change in (
        lambda: save(name),
        lambda: delete_template(name, "ann"),
        lambda: duplicate_template(name, name, None, "ann"),
    ):
        with pytest.raises(NotPossible, match="duplicate it instead"):
            change()
    assert duplicate_template(name, "mine", "Mine", "ann").label == "Mine"
    assert started("mine") == started(name)
    delete_template("mine", "ann")
    assert names() == ["twitter", "twitterDM"]


def test_a_copy_takes_no_name_that_is_taken() -> None:
    save(with_content=True)
    copy = duplicate_template("weekly", "daily", None, "ann")
    assert (copy.label, started("daily").content) == ("Weekly post", DRAFT.content)
    with pytest.raises(NotPossible, match="The template daily exists; take another name"):
        duplicate_template("weekly", "daily", None, "ann")


def test_of_two_copies_at_once_to_one_name_one_is_made() -> None:
    def copy(label: str) -> str:
        try:
            return duplicate_template("twitter", "mine", label, "ann").label
        except NotPossible as error:
            return str(error)

    assert "mine" not in names()
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(copy, ["One", "Two"]))

    assert done.count("The template mine exists; take another name.") == 1
    assert names() == ["twitter", "twitterDM", "mine"]


@pytest.mark.parametrize("name", ["", "two words", "-x", "x" * 81, "ä", "a/b"])
def test_what_cannot_be_a_name_is_reported(name: str) -> None:
    with pytest.raises(WrongUsage, match="cannot be the name of a template"):
        save(name)


def test_what_is_not_there_is_reported() -> None:
    with pytest.raises(WrongUsage, match="There is no template 'none'"):
        started("none")
    with pytest.raises(WrongUsage, match="There is no template 'none'"):
        delete_template("none", "ann")
