"""The forms of a new invitation in the Prefect UI: a broadcast, or a post, that asks people to become contacts."""

from pydantic import ConfigDict, Field

from campaign.domain.drafts import Draft
from tasks.broadcast_form import BroadcastForm
from tasks.post_form import PostForm

_LINK = "{{ join_link }} becomes"
_MESSAGE = (
    "Hello {{ visitor.full_name | default('there') }}, may we get to know you? Share your profile with"
    " {{ service.label }} here: {{ join_link }}"
)
_POST = "May we get to know you? Share your profile with {{ service.label }} here: {{ join_link }}"


class MessageInvitationForm(BroadcastForm):
    """Nobody is invited twice, and no contact. Nothing goes out before you have seen who gets what, and said yes."""

    model_config = ConfigDict(title="Invitation by direct message")

    text: str = Field(
        _MESSAGE,
        title="Text",
        description=f"{_LINK} each person's own link to the page that asks. Other fields as in a broadcast, such as"
        " visitor.full_name and service.label. The opt-out line of the service is added.",
        json_schema_extra={"format": "textarea"},
    )

    def draft(self) -> Draft:
        """The delivery that the form describes; raises WrongUsage when a condition cannot be understood."""
        return super().draft().model_copy(update={"is_invitation": True})


class PostInvitationForm(PostForm):
    """Nothing goes out before you have seen the preview and said yes."""

    model_config = ConfigDict(title="Invitation by post")

    text: str = Field(
        _POST,
        title="Text",
        description=f"{_LINK} the link to the page that asks, the same for everybody. At most 280 characters as X"
        " counts: the link counts 23.",
        json_schema_extra={"format": "textarea"},
    )

    def draft(self) -> Draft:
        """The delivery that the form describes."""
        return super().draft().model_copy(update={"is_invitation": True})
