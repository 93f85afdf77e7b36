"""The `campaign` command."""

import sys

import typer
from typer.exceptions import TyperException

from campaign.cli import output
from campaign.cli.consent import consent, denylist
from campaign.cli.contact import contact
from campaign.cli.delivery import delivery
from campaign.cli.demo import demo
from campaign.cli.doctor import doctor
from campaign.cli.report import report
from campaign.cli.server import database, deploy_command, simulator, up, web
from campaign.cli.service import service
from campaign.cli.sync import sync
from campaign.cli.template import template
from campaign.cli.visitors import visitors
from campaign.errors import CampaignError, WrongUsage

app = typer.Typer(
    help="Social marketing on X: services, followers, posts, direct messages, contacts.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(demo)
app.command()(up)
app.add_typer(service, name="service")
app.command()(sync)
app.add_typer(delivery, name="delivery")
app.add_typer(template, name="template")
app.command()(visitors)
app.add_typer(consent, name="consent")
app.add_typer(denylist, name="denylist")
app.add_typer(contact, name="contact")
app.add_typer(report, name="report")
app.command("deploy")(deploy_command)
app.command()(doctor)
app.command()(web)
app.command()(simulator)
app.add_typer(database, name="db")


def main() -> None:
    """Run the command: exit status 0 done, 1 refused or failed, 2 wrong usage; an error is one line."""
    try:
        _check_readable(sys.argv)
        sys.exit(app(standalone_mode=False))
    except TyperException as error:
        output.say(error.format_message().replace("Value error, ", ""))
        sys.exit(2)
    except typer.Abort as error:
        is_interrupted = isinstance(error.__cause__, KeyboardInterrupt)
        output.say("Interrupted." if is_interrupted else "Nothing was changed.")
        sys.exit(130 if is_interrupted else 1)
    except WrongUsage as error:
        output.say(str(error))
        sys.exit(2)
    except CampaignError as error:
        output.say(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        output.say("Interrupted.")
        sys.exit(130)
    except Exception as error:  # noqa: BLE001  no traceback reaches a user
        output.say(f"This should not have happened: {type(error).__name__}; {output.keep(error)}.")
        sys.exit(1)


def _check_readable(words: list[str]) -> None:
    """Raise WrongUsage for bytes that are no text: no database and no post could hold them."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise WrongUsage(f"{word!a} is not written in UTF-8; set the terminal to it.") from None
