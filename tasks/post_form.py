"""The form of a new post in the Prefect UI."""

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from campaign.domain.content import MOST_PARTS, Content, MediaItem, NamedLink, Part, PollContent
from campaign.domain.drafts import Draft
from campaign.domain.posts import ReplySettings
from models import ApprovalMode
from tasks.twitter_service import TwitterService


class PostForm(BaseModel):
    """Nothing goes out before you have seen the preview and said yes."""

    model_config = ConfigDict(title="New post")

    label: str = Field(title="Label", description="The name you read in lists and reports.", min_length=1)
    services: list[TwitterService] = Field(
        title="Accounts", description="The services whose accounts publish it.", min_length=1
    )
    text: str = Field(
        title="Text",
        description="At most 280 characters as X counts. {{ service.label }} becomes the label of each service.",
        json_schema_extra={"format": "textarea"},
    )
    more_parts: list[str] = Field(
        [],
        title="More parts",
        description="A thread: each of these answers the one before it.",
        max_length=MOST_PARTS - 1,
    )
    media: list[MediaItem] = Field(
        [],
        title="Pictures, GIF or video",
        description="Up to four pictures, or one GIF or video, shown with the first part.",
    )
    poll: PollContent | None = Field(None, title="Poll", description="A question instead of pictures.")
    reply_settings: ReplySettings | None = Field(
        None, title="Who may answer", description="Everybody when nothing is chosen."
    )
    paid_partnership: bool = Field(False, title="Paid partnership", description="X marks it as such.")
    tracking: bool = Field(
        True, title="Tracking", description="Counts the clicks on its links: each is replaced by a short one of ours."
    )
    links: list[NamedLink] = Field(
        [],
        title="Links",
        description="Only for links that get a name in reports, or whose clicks are not to be counted.",
    )
    contact_date: AwareDatetime | None = Field(
        None, title="Contact date", description="When it goes out; as soon as it is confirmed when left empty."
    )
    validity_days: int = Field(
        5, title="Validity in days", description="So long after the contact date it may still go out.", ge=1, le=60
    )
    proof: TwitterService | None = Field(
        None, title="Proof service", description="A private test account that gets it first, exactly as it will be."
    )
    approval: ApprovalMode = Field(
        ApprovalMode.MANUAL,
        title="Approval",
        description="manual: you are always asked. semi_automatic: only when something was found. automatic: never.",
    )

    def draft(self) -> Draft:
        """The delivery that the form describes."""
        first = Part(text=self.text, media=self.media, poll=self.poll)
        parts = [first, *(Part(text=text) for text in self.more_parts)]
        return Draft(
            label=self.label,
            services=[service.internal_name for service in self.services],
            proof_service=self.proof.internal_name if self.proof else None,
            content=Content(
                parts=parts,
                reply_settings=self.reply_settings,
                paid_partnership=self.paid_partnership,
                links=self.links,
            ),
            tracking=self.tracking,
            contact_date=self.contact_date,
            validity_days=self.validity_days,
            approval=self.approval,
        )
