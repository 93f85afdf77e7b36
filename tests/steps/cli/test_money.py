"""The commands about money: the balance of an app, and prices beside X's live list."""

from campaign.posts.prepare import analyse_delivery
from tests.command import here
from tests.simulated_x import Connect, SimulatedX
from tests.steps.posts.test_worst_day import confirmed


def test_the_balance_of_each_app_is_shown(x: SimulatedX, connect: Connect) -> None:
    acme, bolt = connect("acme", 10), connect("bolt", 10)
    x.command("PUT", "accounts/acme/credits", free=1.5, prepaid=20)
    done = here("balance", "--json")
    assert done.status == 0
    assert done.document[0] == {
        "service": "acme",
        "free_usd": "1.5",
        "prepaid_usd": "20.0",
        "total_usd": "21.5",
        "reason": None,
    }
    assert [row["service"] for row in done.document] == [acme.name, bolt.name]
    shown = here("balance", "acme")
    assert "$21.50" in shown.out + shown.err


def test_x_may_not_show_the_balance(x: SimulatedX, connect: Connect) -> None:
    connect("acme", 10)
    x.command("PUT", "prices", serves_credits=False)
    done = here("balance", "--json")
    assert done.status == 0
    assert done.document[0]["total_usd"] is None
    assert "does not show the balance" in done.document[0]["reason"]


def test_a_balance_that_cannot_be_read_fails_the_command(x: SimulatedX, connect: Connect) -> None:
    connect("acme", 10)
    x.fault("/2/usage/credits", "unavailable_before", times=None)
    done = here("balance")
    assert done.status == 1
    assert "The balance of acme could not be read." in done.err
    assert here("balance", "nobody").status == 2


def test_prices_are_compared_with_the_live_list(x: SimulatedX) -> None:
    done = here("prices", "--json")
    assert done.status == 0, done.err
    listed = {row["item"]: row for row in done.document}
    assert listed["Post: Create"] == {"item": "Post: Create", "usd": "0.015", "live_usd": "0.015", "differs": False}
    assert listed["Media: finalize"]["live_usd"] is None
    x.command("PUT", "prices", requestTypePricing={"ContentCreate": 0.03})
    done = here("prices")
    assert done.status == 1
    assert "Post: Create costs $0.03 instead of $0.015" in done.err


def test_an_analysis_warns_of_prices_that_changed(x: SimulatedX, connect: Connect) -> None:
    acme = connect("acme", 10)
    x.command("PUT", "prices", requestTypePricing={"ContentCreate": 0.03})
    name = confirmed(acme, texts=["Hello"])
    warned = [
        finding for finding in analyse_delivery(name, "ana").analysis.warnings if finding.code == "prices_changed"
    ]
    assert "Post: Create costs $0.03 instead of $0.015" in warned[0].sentence


def test_prices_that_cannot_be_read_are_one_sentence(x: SimulatedX) -> None:
    x.fault("/api/credits/pricing", "html", status=403)
    done = here("prices")
    assert done.status == 1
    assert done.sentence.startswith("X's live list of prices cannot be read.")
