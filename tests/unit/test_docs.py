"""What README and docs say exists, and what exists they say."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import prefect.settings
import pytest
from prefect_redis.client import RedisMessagingSettings  # type: ignore[import-untyped]
from typer import Context
from typer.main import get_command
from typer.testing import CliRunner

from campaign.audience.sync import SyncReport
from campaign.cli.main import app
from campaign.settings import ROOT, Settings
from campaign.simulator.accounts import AccessLevel, Condition
from campaign.simulator.control import accounts, conduct, followers
from campaign.simulator.control.command import Command
from campaign.simulator.faults import FaultKind
from campaign.simulator.routes import ENDPOINTS
from deployments.make_secrets import SECRETS
from models import SyncState
from tasks.services import XAccount
from tests.compose_file import read_compose

GUIDES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXT = {guide: guide.read_text() for guide in GUIDES}
EVERYTHING = "\n".join(TEXT.values())
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^ *```sh\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
CONTROL = (*accounts.COMMANDS, *followers.COMMANDS, *conduct.COMMANDS)


def commands(command: Any, *path: str) -> Iterator[tuple[str, Any]]:
    """Every command that does something, with the words that call it."""
    if not hasattr(command, "list_commands"):
        yield " ".join(path), command
        return
    context = Context(command)
    for name in command.list_commands(context):
        yield from commands(command.get_command(context, name), *path, name)


COMMANDS = dict(commands(get_command(app), "campaign"))
OPTIONS = sorted(
    {option for command in COMMANDS.values() for one in command.params for option in (*one.opts, *one.secondary_opts)}
)


def shown(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text()


def calls() -> list[str]:
    """The lines of code blocks that call the command, without remarks and redirections."""
    lines = (line.strip() for text in TEXT.values() for block in FENCE.findall(text) for line in block.splitlines())
    return [re.split(r"\s+[#>]", line)[0] for line in lines if line.startswith("campaign ")]


def anchors(text: str) -> set[str]:
    """The names under which the headings of a page can be linked to."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def table_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("|")]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented(name: str) -> None:
    assert re.search(rf"\b{name}\b", EVERYTHING)


@pytest.mark.parametrize("option", [option for option in OPTIONS if option.startswith("--")])
def test_every_option_is_documented(option: str) -> None:
    assert re.search(rf"{option}\b(?!-)", EVERYTHING)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    result = CliRunner().invoke(app, [*name.split()[1:], "--help"])
    assert result.exit_code == 0
    assert " ".join(COMMANDS[name].help.split()[:5]) in " ".join(result.output.replace("│", " ").split())


@pytest.mark.parametrize("call", calls())
def test_every_call_in_a_code_block_is_understood(call: str) -> None:
    name = max((name for name in COMMANDS if f"{call} ".startswith(f"{name} ")), key=len, default=None)
    assert name, f"there is no such command: {call}"
    COMMANDS[name].make_context(name, shlex.split(call.removeprefix(name)))


def test_there_are_calls_to_try() -> None:
    assert len(calls()) > len(COMMANDS)


@pytest.mark.parametrize("field", Settings.model_fields)
def test_every_setting_is_in_the_table_of_settings(field: str) -> None:
    (row,) = [line for line in table_of(shown("operating")) if line.startswith(f"| `CAMPAIGN_{field.upper()}` |")]
    default = Settings.model_fields[field].default
    assert default is None or str(default) == "" or f"`{default}`" in row


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: str(guide.relative_to(ROOT)))
def test_every_link_leads_somewhere(guide: Path) -> None:
    for link in LINK.findall(TEXT[guide]):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (guide.parent / path).resolve() if path else guide
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text()), link


def test_every_picture_is_shown_and_small() -> None:
    for picture in (ROOT / "docs" / "images").iterdir():
        assert f"images/{picture.name})" in EVERYTHING
        assert picture.stat().st_size < 200_000


def test_every_make_target_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^ *|`)make ([a-z]+)", EVERYTHING, re.MULTILINE))
    assert {"demo", "test"} <= named <= targets


@pytest.mark.parametrize("title", [str(field.title) for field in XAccount.model_fields.values()])
def test_every_field_of_a_service_is_explained(title: str) -> None:
    assert any(line.startswith(f"| {title} |") for line in table_of(shown("services")))


def test_every_column_and_state_of_a_report_is_explained() -> None:
    rows = "\n".join(table_of(shown("account-sync")))
    columns = SyncReport("acme", SyncState.FINISHED).as_row()
    assert [name for name in columns if f"| {name} |" not in rows] == []
    assert [state for state in SyncState if f"| `{state}` |" not in rows] == []


@pytest.mark.parametrize("command", CONTROL, ids=lambda command: f"{command.method} {command.path}")
def test_every_order_to_the_simulator_is_documented(command: Command) -> None:
    path = "/control" + command.path.replace("{username}", "acme").replace("{id}", "ID")
    text = shown("simulator")
    assert re.search(rf"`(?:GET`, `)?{command.method}(?:`, `DELETE)? {re.escape(path)}\b", text)
    assert [field for field in command.shape or {} if not re.search(rf"[\"`]{field}[\"`]", text)] == []


@pytest.mark.parametrize("word", [*FaultKind, *Condition, *AccessLevel, *(endpoint.name for endpoint in ENDPOINTS)])
def test_every_word_of_the_simulator_is_documented(word: str) -> None:
    assert f"`{word}`" in shown("simulator")


def section(title: str) -> str:
    return shown("operating").split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_the_section_on_compose_names_what_is_in_the_file() -> None:
    text = section("Compose")
    written = (ROOT / "deployments" / "compose.yaml").read_text()
    compose = read_compose(ROOT / "deployments" / "compose.yaml", {})
    rows = {line.split("`")[1]: line for line in table_of(text) if "`" in line}
    assert rows.keys() == compose["services"].keys()
    for name, service in compose["services"].items():
        assert re.findall(r"profile `(\w+)`", rows[name]) == service.get("profiles", [])
    named = set(re.findall(r"`(\w+)`", text))
    assert SECRETS.keys() | compose["volumes"].keys() | set(re.findall(r"\$\{(\w+)", written)) <= named


def test_the_sections_on_deploying_name_files_that_exist() -> None:
    text = section("Compose") + section("Kubernetes")
    files = re.findall(r"(?:--values|--filename|python3) ([\w./]+\.\w+)", text)
    assert len(files) >= 5
    assert [file for file in files if not (ROOT / "deployments" / file).exists()] == []
    manifests = (ROOT / "deployments" / "kubernetes" / "campaign.yaml").read_text()
    for name in ("campaign-migration", "campaign-web", "campaign-media"):
        assert f"`{name}`" in section("Kubernetes")
        assert f"metadata: {{name: {name}}}" in manifests


def test_the_snippet_of_caddy_is_the_proxy_of_the_compose_file() -> None:
    [place] = re.findall(r"reverse_proxy (\S+)", section("A proxy with HTTPS"))
    assert place.replace("127.0.0.1", "web") in (ROOT / "deployments" / "Caddyfile").read_text()


def is_a_setting_of_prefect(name: str) -> bool:
    # The first is read by Prefect where it is used, and is no field of its settings.
    others = {
        "SERVER_ENCRYPTION_KEY",
        *(f"REDIS_MESSAGING_{name.upper()}" for name in RedisMessagingSettings.model_fields),
    }
    return hasattr(prefect.settings, name) or name.removeprefix("PREFECT_") in others


def test_every_setting_of_prefect_that_is_named_exists() -> None:
    named = set(re.findall(r"\bPREFECT_[A-Z_]+[A-Z]\b", EVERYTHING))
    assert {"PREFECT_SERVER_METRICS_ENABLED", "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS"} <= named
    wrong = [one for one in named if not is_a_setting_of_prefect(one)]
    assert [one for one in wrong if not is_a_setting_of_prefect(one.removesuffix("_FILE"))] == []


def test_the_readme_is_short() -> None:
    assert len(TEXT[ROOT / "README.md"].splitlines()) < 150
