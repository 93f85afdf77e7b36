import pytest

from campaign.x.http import endpoint_of


@pytest.mark.parametrize(
    ("route", "endpoint"),
    [
        ("/2/users/me", "GET /2/users/me"),
        ("/2/users/2/followers", "GET /2/users/:id/followers"),
        ("/2/dm_conversations/with/42/messages", "GET /2/dm_conversations/with/:id/messages"),
        ("/2/dm_conversations/12-34/dm_events", "GET /2/dm_conversations/:id/dm_events"),
        ("/2/tweets/42", "GET /2/tweets/:id"),
        ("/1.1/followers/ids.json", "GET /1.1/followers/ids"),
    ],
)
def test_an_endpoint_is_the_same_for_every_person(route: str, endpoint: str) -> None:
    assert endpoint_of("GET", route) == endpoint
