"""The rows of X's error table about direct messages: what else X says to whoever sends one."""

from campaign.errors import ServiceBlocked, Uncertain, Unsent
from campaign.x.rows import Row, Sign, refused

SENDING_V2 = "POST /2/dm_conversations/with/:id/messages"
SENDING_V1 = "POST /1.1/direct_messages/events/new"

# Before all others: it says nothing of the message, whatever its status is.
STRANGERS = (
    Row(
        Unsent,
        "not_the_api",
        "What answers in X's place is not its API (status {status}): check the network and CAMPAIGN_X_API_URL.",
        (Sign(family=4, is_page=True),),
    ),
)

# After those that stop the account: their sentences may stand in these, and the account's trouble is no person's.
MESSAGES = (
    # Seen for messages that did arrive.
    Row(
        Uncertain,
        "already_said",
        "X says that the person was sent this text before.",
        (Sign(code=151, says="already said that"),),
    ),
    refused("no_text", "X sends no message without a text.", Sign(code=151, says="text is empty")),
    refused("dm_closed", "X does not deliver messages of this account to the person.", Sign(code=151)),
    refused(
        "too_long",
        "The text is longer than X allows.",
        Sign(family=4, says="is longer than"),
        Sign(family=4, says="too long"),
        Sign(family=4, says="character limit"),
    ),
    refused(
        "media_unknown",
        "X does not take the uploaded file: it has expired or breaks X's rules for files; upload it again.",
        Sign(status=400, says="media"),
        Sign(status=403, says="media"),
        Sign(status=400, says="attachment"),
    ),
    Row(
        ServiceBlocked,
        "legacy_access",
        "X does not offer this v1.1 endpoint any more.",
        (Sign(code=34),),
        remedy="The operator sets the service's API version to 2.",
    ),
    # The one thing that a message names is the person; v2 has no words for it that are documented.
    refused(
        "recipient_not_found",
        "X knows no such person.",
        Sign(status=404),
        Sign(says="could not find user"),
        Sign(status=400, says="recipient_id"),
    ),
)
