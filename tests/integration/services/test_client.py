"""For other people's workflows: a tweepy client of a service, with its keys, its spend cap and X's limits."""

from decimal import Decimal

import pendulum
import pytest
from sqlmodel import select

from campaign.db.engine import read_session
from campaign.errors import CampaignError, ServiceBlocked, Unsent, WrongUsage
from campaign.limits import spend_cap
from campaign.services.store import client_of, find_service
from models import Charge, Service
from tests.simulated_x import Connect, SimulatedX


def spent(service: Service) -> Decimal:
    with read_session() as session:
        return spend_cap.spent(session, service.id, pendulum.now("UTC"))


def test_calls_are_signed_answered_as_tweepy_does_and_paid(connect: Connect) -> None:
    brand = connect("acme", 30)
    service = find_service("acme")
    client = client_of(service)

    assert client.get_me().data.username == "acme"
    people = client.get_users_followers(brand.made["user_id"], max_results=20)
    assert [person.id for person in people.data] == [int(user["id"]) for user in brand.users()[:20]]
    posted = client.create_tweet(text="See example.com")
    assert client.delete_tweet(posted.data["id"]).data["deleted"]

    assert spent(service) == 21 * Decimal("0.010") + Decimal("0.200") + Decimal("0.005")
    with read_session() as session:
        assert all(charge.settled for charge in session.exec(select(Charge)))


def test_a_call_beyond_the_cap_is_not_made(connect: Connect, x: SimulatedX) -> None:
    brand = connect("acme", spend_cap=1)
    service = find_service("acme")
    with pytest.raises(ServiceBlocked, match=r"spend cap of \$1\.00 is too little for a call that may cost \$1\.01\."):
        client_of(service).get_users_followers(brand.made["user_id"], max_results=101)
    assert x.calls() == []
    assert spent(service) == 0


def test_a_call_beyond_the_limits_of_x_is_not_made(connect: Connect, x: SimulatedX) -> None:
    brand = connect("acme", 3)
    x.limit(900, followers=1)
    client = client_of(find_service("acme"))
    client.get_users_followers(brand.made["user_id"], max_results=2)
    with pytest.raises(Unsent, match="X allows no more calls to GET /2/users/:id/followers by acme until") as raised:
        client.get_users_followers(brand.made["user_id"], max_results=2)
    assert raised.value.retry_at
    assert len(x.calls()) == 1


def test_messages_go_out_by_broadcasts_only(connect: Connect, x: SimulatedX) -> None:
    connect("acme")
    with pytest.raises(WrongUsage, match="by broadcasts only"):
        client_of(find_service("acme")).create_direct_message(participant_id="1", text="Hello")
    assert x.calls() == []


@pytest.mark.parametrize("verb", ["like", "retweet", "bookmark", "follow_user", "mute"])
def test_verbs_that_need_the_id_of_the_account_know_it(connect: Connect, x: SimulatedX, verb: str) -> None:
    brand = connect("acme")
    # The simulator does not offer what is not needed for posts and messages.
    with pytest.raises(CampaignError):
        getattr(client_of(find_service("acme")), verb)("12")
    assert [call["path"].split("/")[3] for call in x.calls()] == [brand.made["user_id"]]
