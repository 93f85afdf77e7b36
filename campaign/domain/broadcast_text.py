"""What one person of a broadcast is sent: the personalised text, and below it how to opt out. Pure."""

from collections.abc import Collection

from campaign.domain.direct_messages import LONGEST_MESSAGE
from campaign.domain.message_text import LONGEST_WITH_FILE, JoinLink, MessageText, MessageTooLong, Values
from campaign.domain.opt_out import with_opt_out_line


class BroadcastText:
    """The text of a broadcast on one service, read once."""

    def __init__(
        self,
        text: str,
        service: Values,
        opt_out_line: str,
        words: Collection[str],
        *,
        has_file: bool = False,
        join_link: JoinLink | None = None,
    ) -> None:
        """Read the text; raises UnknownField or BrokenTemplate in one sentence."""
        self._text = MessageText(text, service, has_file=has_file, join_link=join_link)
        self._longest = LONGEST_WITH_FILE if has_file else LONGEST_MESSAGE
        # Added after rendering, so that a text which is empty for somebody is not sent as this line alone.
        self._ending = with_opt_out_line(text, opt_out_line, words).removeprefix(text.rstrip()) if text.strip() else ""
        self.visitor_fields = self._text.visitor_fields
        """The fields of the person that the text uses."""
        self.has_join_link = self._text.has_join_link

    def render(self, person: Values) -> str:
        """The message to one person; raises what MessageText.render raises."""
        message = self._text.render(person).rstrip() + self._ending.rstrip()
        if len(message) > self._longest:
            raise MessageTooLong(f"The message has more than {self._longest:,} characters: shorten the text.")
        return message
