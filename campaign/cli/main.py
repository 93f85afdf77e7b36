"""The `campaign` command. Help and completion read the table here; a command's module is imported when it is called."""

import atexit
import gc
import os
import sys
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from campaign.cli import output
from campaign.errors import CampaignError, WrongUsage


class Command(NamedTuple):
    """The place of a command's function (`module.function`), and the first sentence of its help."""

    place: str
    help: str


class Group(NamedTuple):
    """Commands that begin with the same word."""

    commands: dict[str, Command]
    help: str


COMMANDS: dict[str, Command | Group] = {
    "demo": Command("demo.demo", "Show the whole story on a simulated X."),
    "up": Command("server.up", "Start the Prefect server with its UI, a worker and the web pages."),
    "password": Command("server.password", "Show the password that the UI of this home's Prefect server asks for."),
    "service": Group(
        {
            "create": Command("service.create", "Connect an X account."),
            "edit": Command("service.edit", "Change settings of a service and keep the rest."),
            "list": Command("service.list_services", "List the services with their state and cost of this month."),
            "check": Command("service.check", "Check the keys of a service with X."),
            "remove": Command("service.remove", "Disconnect an X account and delete its keys; its visitors stay."),
        },
        "The connected X accounts.",
    ),
    "sync": Command("service.sync", "Read the followers of services into the visitors table."),
    "delivery": Group(
        {
            "create": Command("delivery.create", "Create a delivery."),
            "edit": Command("delivery.edit", "Change settings of a delivery and keep the rest."),
            "analyse": Command("delivery_send.analyse", "Analyse a delivery: errors, recipients, cost, duration."),
            "preview": Command(
                "delivery_send.preview", "Show posts as X will show them, or messages as people get them."
            ),
            "proof": Command("delivery_send.proof", "Send a proof, to the proof service or the proof recipients."),
            "confirm": Command("delivery_send.confirm", "Confirm a delivery as it was analysed."),
            "reject": Command("delivery_send.reject", "Reject a delivery; it goes back to editing."),
            "send": Command("delivery_send.send", "Send a confirmed delivery now, or continue an earlier run."),
            "pause": Command("delivery_send.pause", "Pause a delivery until it is resumed."),
            "resume": Command("delivery_send.resume", "Resume a paused delivery."),
            "stop": Command("delivery_send.stop", "Stop a delivery for good; what was sent stays."),
            "withdraw": Command("delivery_send.withdraw", "Delete the posts of a delivery from X, for good."),
            "settle": Command("delivery_send.settle", "Record the outcome of a part that could not be looked up on X."),
            "list": Command("delivery.list_deliveries", "List the newest deliveries and their states."),
            "show": Command("delivery.show", "Show a delivery: settings, state, analysis, history, log."),
            "log": Command("delivery.log", "Show the outcome of every part or message."),
            "import": Command("calendar.import_posts", "Import posts from a CSV file as drafts, and analyse all."),
        },
        "Posts, threads and broadcasts of direct messages, from draft to X.",
    ),
    "slot": Group(
        {
            "list": Command("calendar.list_slots", "List the weekly slots of services, and the next one that is free."),
            "add": Command("calendar.add_slot", "Add a weekly slot, which the form of a post at the desk offers."),
            "remove": Command("calendar.remove_slot", "Remove a weekly slot; what was planned with it stays."),
        },
        "The times of the week at which services like to post.",
    ),
    "series": Group(
        {
            "list": Command("calendar.list_series", "List the series of posts, the newest first."),
            "create": Command("calendar.create_series", "Repeat a post at the same local time."),
            "ask": Command(
                "calendar.ask_for_series",
                "Analyse the drafts of a series, and ask for approval of those without errors.",
            ),
            "stop": Command("calendar.stop_series", "Stop a series, with its posts of which nothing has gone out."),
        },
        "Posts that are repeated every week or month.",
    ),
    "media": Group(
        {
            "add": Command("calendar.add_files", "Add files to the media library, and print how deliveries name them."),
            "list": Command("calendar.list_media", "List the media library, the newest files first."),
            "remove": Command("calendar.remove_file", "Remove a file from the media library."),
        },
        "The pictures, GIFs and videos of deliveries.",
    ),
    "template": Group(
        {
            "list": Command("delivery.list_templates", "List the templates, the built-in ones first."),
            "show": Command("delivery.show_template", "Show the settings of a template."),
            "duplicate": Command("delivery.duplicate", "Copy a template under another name."),
            "save": Command("delivery.save", "Save the settings of a delivery as a template."),
            "delete": Command("delivery.delete", "Delete a saved template; deliveries made from it stay."),
        },
        "The settings from which new deliveries start.",
    ),
    "visitors": Command("people.visitors", "List, filter and export visitors, the newest followers first."),
    "segment": Group(
        {
            "list": Command("people.list_segments", "List the segments by name."),
            "save": Command("people.save_segment", "Save a condition under a name, or replace a segment."),
            "rename": Command("people.rename_segment", "Give a segment another name."),
            "delete": Command(
                "people.delete_segment", "Delete a segment; broadcasts written with it stay as they are."
            ),
        },
        "Conditions saved under a name, for lists and broadcasts.",
    ),
    "consent": Group(
        {
            "grant": Command("people.grant_consent", "Record a person's consent, on an operator's evidence."),
            "withdraw": Command("people.withdraw_consent", "Record that a person wants no more messages."),
            "import": Command("people.import_consents", "Import consents from a CSV file."),
            "list": Command("people.list_consents", "List the consents of a service, the newest first."),
            "unclear": Command("people.list_unclear", "List the messages that may be opt-outs."),
            "decide": Command("people.decide_unclear", "Decide whether an unclear message is an opt-out."),
        },
        "The consents of people to get direct messages.",
    ),
    "denylist": Group(
        {
            "add": Command("people.add_to_denylist", "Add a person to the denylist; waiting messages are cancelled."),
            "import": Command("people.import_denylist", "Add the people of a CSV file to the denylist."),
            "remove": Command("people.remove_from_denylist", "Remove a person from the denylist."),
            "list": Command("people.list_suppressed", "List the people on the denylist, the newest first."),
        },
        "The people who never get direct messages.",
    ),
    "contact": Group(
        {
            "list": Command("people.list_contacts", "List contacts, the most recently changed first."),
            "show": Command("people.show_contact", "Show a person's profile and agreements."),
            "import": Command("people.import_contacts", "Import contacts from a CSV file."),
            "export": Command("people.export_contact", "Print all data held of one person as one JSON document."),
            "erase": Command("people.erase_contact", "Erase all data of one person, for good."),
        },
        "People who share their profile, and contacts from elsewhere.",
    ),
    "report": Group(
        {
            "delivery": Command("delivery.report_delivery", "Report a delivery: recipients, clicks, reactions, cost."),
            "service": Command("delivery.report_service", "Report a service: its audience, when its posts do well."),
            "all": Command("delivery.report_all", "Report all services side by side, and the newest deliveries."),
        },
        "Clicks, reactions, followers and cost of deliveries and services.",
    ),
    "user": Group(
        {
            "add": Command("user.add", "Give a person access to the desk."),
            "list": Command("user.list_users", "List the people with access to the desk, and their roles."),
            "roles": Command("user.change_roles", "Change the roles of a person."),
            "edit": Command("user.edit", "Change the full name or the email address of a person."),
            "reset": Command("user.reset", "Make a new one-time link, with which a person chooses a password."),
            "remove": Command("user.remove", "Take away a person's access to the desk."),
        },
        "The people who work at the desk, and what they may do.",
    ),
    "audit": Command("user.list_audit", "List who did what and when, the newest first."),
    "workflow": Group(
        {
            "list": Command(
                "server.list_workflows",
                "List the workflows: whether their schedules are enabled, and their next runs.",
            ),
            "start": Command("server.start_workflow", "Start the schedule of a workflow."),
            "stop": Command("server.stop_workflow", "Stop the schedule of a workflow; its runs by hand still work."),
        },
        "The schedules of the workflows on the Prefect server.",
    ),
    "deploy": Command("server.deploy_command", "Register the workflows, or their new versions."),
    "notify": Command("server.notify", "Notify people when something waits for them, or a spend cap is near."),
    "move": Command("server.move", "Move the workflows to the Prefect server that PREFECT_API_URL names."),
    "worker": Command("server.worker", "Run a worker, which starts the runs of workflows, until Ctrl-C."),
    "doctor": Command("doctor.doctor", "Check the installation, and say what to do."),
    "balance": Command("service.balance", "Show the credits that X has left for each developer app."),
    "prices": Command("doctor.prices", "Compare the built-in prices with X's live list."),
    "web": Command("server.web", "Serve the public pages and the reports."),
    "simulator": Command("server.simulator", "Serve a simulated X on this machine."),
    "backup": Command("doctor.back_up", "Write a backup of the home, its databases and keys into a new file."),
    "restore": Command("doctor.restore", "Make the home, its databases and keys from a backup."),
    "keys": Group(
        {
            "rotate": Command("doctor.rotate", "Encrypt all secrets with a new key."),
            "discard": Command("doctor.discard", "Delete all secrets after the key was lost for good."),
        },
        "The key that encrypts the secrets in the database.",
    ),
    "db": Group(
        {"upgrade": Command("doctor.upgrade", "Migrate the database to the schema of this version.")},
        "The schema of the database.",
    ),
}
"""All commands, in the order of the list that `--help` shows."""
_PLAIN: dict[str, Any] = {"add_completion": False, "pretty_exceptions_enable": False, "rich_markup_mode": None}


class LazyGroup(TyperGroup):
    """Commands that are listed and completed by their table, and imported when they are called."""

    def __init__(self, *, table: dict[str, Command] | None = None, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands: dict[str, Any] = dict(table or COMMANDS)  # not commands yet: `get_command` makes them

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """Imports the command of that name; None when there is none."""
        entry = self.commands.get(cmd_name)
        if entry is None:
            return None
        if isinstance(entry, Group):
            return LazyGroup(
                name=cmd_name, help=entry.help, table=entry.commands, no_args_is_help=True, rich_markup_mode=None
            )
        module, function = entry.place.split(".")
        # Typer turns a function into a command as the only command of an application.
        single = typer.Typer(**_PLAIN)
        single.command(cmd_name)(getattr(import_module(f"campaign.cli.{module}"), function))
        return typer.main.get_command(single)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Writes the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in self.commands.items()])

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Completes a name without importing commands."""
        from typer._click.shell_completion import CompletionItem

        names = [
            CompletionItem(name, help=entry.help)
            for name, entry in self.commands.items()
            if name.startswith(incomplete)
        ]
        return [*names, *super(TyperGroup, self).shell_complete(ctx, incomplete)]


app = typer.Typer(
    cls=LazyGroup,
    help="Social marketing on X: services, followers, posts, direct messages, contacts.",
    no_args_is_help=True,
    **(_PLAIN | {"add_completion": True}),
)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        print(f"campaign {version('campaign')}")  # noqa: T201
        raise typer.Exit


@app.callback()
def _all_commands(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Keep this a group of commands."""


def main() -> None:
    """Runs the command: exit status 0 done, 1 refused or failed, 2 wrong usage; an error is one line."""
    # What is written here holds personal data and keys: for the owner only.
    os.umask(0o077)
    # Imports make hundreds of thousands of objects that stay to the end. To search them for garbage, while they are
    # made and once more when the process ends, takes a third of the time of a command.
    gc.set_threshold(50_000, 20, 50)
    atexit.register(gc.freeze)
    # There are no plugins of Pydantic; to search for them reads the metadata of every installed package.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        for argument in sys.argv:
            try:
                argument.encode()  # neither a database nor a post can hold bytes that are not text
            except UnicodeEncodeError:
                raise WrongUsage(f"{argument!a} is not written in UTF-8; set the terminal to it.") from None
        if any(name.startswith("PREFECT_") and name.endswith("_FILE") for name in os.environ):
            from deployments.processes import adopt_secret_files

            adopt_secret_files()
        # With the name of a shell, Typer need not search for it among the parent processes.
        if len(sys.argv) > 2 and sys.argv[1] in {"--show-completion", "--install-completion"}:  # noqa: PLR2004
            os.environ["_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION"] = "1"
        status = app(standalone_mode=False, prog_name="campaign")
        sys.stdout.flush()
        # What this command changed goes to the Prefect server in use, as events, and to people by e-mail.
        engine = sys.modules.get("campaign.db.engine")
        if engine and engine.unheard:
            from campaign.users.email import send_emails
            from deployments.server import post_events

            send_emails(list(engine.unheard))
            post_events(list(engine.unheard))
            engine.unheard.clear()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  no traceback reaches a user
        sentence, status = _explain(error)
        if sentence:
            output.say(" ".join(sentence.splitlines()))
    sys.exit(status)


def _explain(error: BaseException) -> tuple[str, int]:
    """Returns the sentence and the exit status for an error."""
    sentence, status = str(error), 1
    match error:
        case TyperException():
            sentence, status = error.format_message().replace("Value error, ", ""), 2
        case WrongUsage():
            status = 2
        case CampaignError():
            pass
        case typer.Abort() if not isinstance(error.__cause__, KeyboardInterrupt):
            sentence = "Nothing was changed."
        case typer.Abort() | KeyboardInterrupt():
            sentence, status = "Interrupted.", 130
        case BrokenPipeError():
            output.drop_rest()
            sentence = ""
        case OSError() if place := output.full_place(error):
            output.drop_rest()
            sentence = f"No room is left on the disk of {place}; make room, then run the command again."
        case _:
            sentence = f"This should not have happened: {type(error).__name__}; {output.save_details(error)}."
    return sentence, status
