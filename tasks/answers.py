"""The question whether a delivery may go out, as a person answers it in the Prefect UI."""

from typing import Annotated, Literal

from prefect.input import RunInput
from pydantic import Field


class Answer(RunInput):
    """Whether the delivery may go out as shown."""

    answer: Literal["Confirm", "Reject"] = Field(
        title="Answer", description="Confirm: it goes out as shown. Reject: nothing goes out, it is edited on."
    )
    comment: Annotated[str, Field(title="Comment", description="Kept with your answer.")] = ""
    confirm_as: Annotated[str, Field(title="Your name", description="Kept as who answered.")] = ""

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
            description="X lets apps send automated messages only to people who wrote first or agreed. Tick this to"
            " write to all the same to the number of people without consent that the preview names.",
        ),
    ] = False
