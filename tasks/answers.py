"""The question whether a delivery may go out, as a person answers it in the Prefect UI."""

from typing import Annotated, Literal

from prefect.input import RunInput
from pydantic import Field

#: What is said first when a yes left out what belongs to it.
ASKED_AGAIN = (
    "**Nothing is confirmed yet.** Some of them never agreed to be written to: switch on *Write to people who never"
    " agreed*, or answer Reject."
)
#: What is said first when a yes was about something else.
CHANGED = "**Look at it again.** It is no longer what was shown when you were asked: it was changed, or analysed anew."


class Answer(RunInput):
    """Whether the delivery may go out as shown."""

    answer: Literal["Confirm", "Reject"] = Field(
        title="Answer", description="Confirm: it goes out as shown. Reject: nothing goes out, it is edited on."
    )
    comment: Annotated[str, Field(title="Comment", description="Kept with your answer.")] = ""
    confirm_as: Annotated[str, Field(title="Your name", description="Kept as who answered.")] = ""

    @property
    def is_lacking(self) -> bool:
        """Whether the question has to be asked again."""
        return False

    @property
    def is_yes(self) -> bool:
        """Whether it may go out."""
        return self.answer == "Confirm"


class AnswerForUnconsented(Answer):
    """Whether a broadcast may go out that reaches people who never agreed to be written to."""

    accept_unconsented: Annotated[
        bool,
        Field(
            title="Write to people who never agreed",
            description="X lets apps send automated messages only to people who wrote first or agreed. Switch this"
            " on to write to the others too, as many as are named above; without it nothing is confirmed.",
        ),
    ] = False

    @property
    def is_lacking(self) -> bool:
        """Whether it is a yes that leaves out what belongs to it."""
        return self.is_yes and not self.accept_unconsented
