"""The `campaign` command. Each of its commands is imported when it is called: `--help` loads none of them."""

import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from campaign.cli import output
from campaign.errors import CampaignError, WrongUsage

#: Each command: its module and name there, and the line that the list of commands shows.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "demo": ("demo", "demo", "Show the whole story on a simulated X."),
    "up": ("server", "up", "Start the Prefect server with its UI, a worker and the web pages."),
    "service": ("service", "service", "The connected X accounts."),
    "sync": ("sync", "sync", "Bring the followers of services into the visitors table."),
    "delivery": ("delivery", "delivery", "Posts and direct messages, from a draft to what came of them."),
    "template": ("template", "template", "What new deliveries start from."),
    "visitors": ("visitors", "visitors", "List, filter and export visitors."),
    "consent": ("consent", "consent", "Who agreed to get direct messages."),
    "denylist": ("consent", "denylist", "Who never gets direct messages."),
    "contact": ("contact", "contact", "People who share their profile, and contacts from elsewhere."),
    "report": ("report", "report", "What came of deliveries and services."),
    "deploy": ("server", "deploy_command", "Register the workflows, or their new versions."),
    "doctor": ("doctor", "doctor", "Check everything, and say what to do."),
    "web": ("server", "web", "Serve the pages for the public and the reports."),
    "simulator": ("server", "simulator", "Serve a simulated X on this machine."),
    "keys": ("server", "keys", "The key that encrypts the secrets in the database."),
    "db": ("server", "database", "The schema of the database."),
}
_PLAIN: dict[str, Any] = {"add_completion": False, "pretty_exceptions_enable": False, "rich_markup_mode": None}


class LazyGroup(TyperGroup):
    """The commands by name, imported when they are called."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Lists the names, in the order of the story that they tell."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Imports a command; None for a name that is none."""
        if cmd_name not in self.commands and cmd_name in COMMANDS:
            module, name, _ = COMMANDS[cmd_name]
            self.commands[cmd_name] = _command(getattr(import_module(f"campaign.cli.{module}"), name), cmd_name)
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Writes the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])


def _command(found: Any, name: str) -> Any:
    group = found
    if not isinstance(found, typer.Typer):
        group = typer.Typer(**_PLAIN)
        group.command(name)(found)
    group.info.name = name
    return typer.main.get_command(group)


app = typer.Typer(
    cls=LazyGroup,
    help="Social marketing on X: services, followers, posts, direct messages, contacts.",
    no_args_is_help=True,
    **(_PLAIN | {"add_completion": True}),
)


@app.callback()
def _all_commands() -> None:
    """Keep this a group of commands."""


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
