import pytest

from campaign.x.replies import endpoint_of


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("https://api.x.com/2/users/me?user.fields=protected", "GET /2/users/me"),
        ("https://api.x.com/2/users/2/followers", "GET /2/users/:id/followers"),
        ("http://127.0.0.1:8085/x/2/users/42/followers", "GET /2/users/:id/followers"),
        ("https://api.x.com/2/dm_conversations/with/42/messages", "GET /2/dm_conversations/with/:id/messages"),
        ("https://api.x.com/2/dm_conversations/12-34/dm_events", "GET /2/dm_conversations/:id/dm_events"),
        ("https://api.x.com/2/tweets/42", "GET /2/tweets/:id"),
        ("https://api.x.com/1.1/followers/ids.json?cursor=-1", "GET /1.1/followers/ids"),
    ],
)
def test_an_endpoint_is_the_same_whoever_is_asked_about(url: str, endpoint: str) -> None:
    assert endpoint_of("GET", url) == endpoint
