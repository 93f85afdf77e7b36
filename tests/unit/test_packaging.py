"""What is installed, from where, and with which versions."""

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from campaign.settings import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PINS = dict(re.findall(r"^([a-z0-9._-]+)==([^\s;\\]+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
REGISTRY = re.compile(
    # In brackets, so that this line names none either.
    r"https?://[^\s\"']*(?:[p]ypi|[p]ythonhosted|/[s]imple\b|[a]rtifactory|[n]exus|[r]egistry\.|[d]evpi)"
    r"|(?:--[i]ndex-url|--[e]xtra-index-url|[f]ind-links)"
)
SKIPPED = {".git", ".venv", ".hypothesis", "dist", "node_modules"}


def name_of(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match, requirement
    return re.sub(r"[-_.]+", "-", match.group()).lower()


def files_of_the_repository() -> list[Path]:
    found = (file for file in ROOT.rglob("*") if not SKIPPED & set(file.relative_to(ROOT).parts))
    return [file for file in found if file.is_file() and "cache" not in str(file.relative_to(ROOT))]


def text_of(file: Path) -> str:
    return file.read_bytes().decode("utf-8", "replace")


@pytest.mark.parametrize("name", PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
def test_our_generic_names_are_ours(name: str) -> None:
    found = importlib.util.find_spec(name)
    assert found is not None
    assert found.origin == str(ROOT / name / "__init__.py")


@pytest.mark.parametrize("requirement", [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"]])
def test_everything_asked_for_is_pinned(requirement: str) -> None:
    assert name_of(requirement) in PINS


@pytest.mark.parametrize("requirement", PROJECT["project"]["dependencies"])
def test_every_dependency_has_an_upper_bound(requirement: str) -> None:
    assert "<" in requirement


def test_every_pin_has_its_hash() -> None:
    blocks = re.split(r"^(?=[a-z0-9._-]+==)", (ROOT / "constraints.txt").read_text(), flags=re.MULTILINE)
    pins = [block for block in blocks if "==" in block]
    assert {block.partition("==")[0] for block in pins} == set(PINS)
    assert [block.split()[0] for block in pins if "--hash=sha256:" not in block] == []


def test_the_pins_name_no_address() -> None:
    assert "://" not in (ROOT / "constraints.txt").read_text()


def test_no_file_names_a_package_registry() -> None:
    files = files_of_the_repository()
    assert ROOT / "pyproject.toml" in files
    assert [str(file.relative_to(ROOT)) for file in files if REGISTRY.search(text_of(file))] == []


def test_everything_that_is_installed_finds_what_it_needs() -> None:
    found = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout
