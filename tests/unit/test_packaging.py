"""What is installed, from where, and with which versions."""

import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint, PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

import pytest

from campaign.settings import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
_PIN = re.compile(r"^([a-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
PINNED = ("constraints.txt", "constraints-dev.txt", "deployments/uv.txt")
NEEDED, TOOLS, _ = (dict(_PIN.findall((ROOT / file).read_text())) for file in PINNED)
#: What a program under the Apache License 2.0 may use: as it is, or as a library that stays a package of its own.
LICENCES = re.compile(
    r"MIT|BSD|ISC|Apache|PSF|Python Software Foundation|CNRI-Python|MPL|Mozilla Public License|LGPL|Lesser General|"
    r"Artistic License|Unlicense|Zlib|0BSD"
)
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


@pytest.mark.parametrize("requirement", PROJECT["project"]["dependencies"])
def test_everything_the_product_needs_is_pinned(requirement: str) -> None:
    assert name_of(requirement) in NEEDED


@pytest.mark.parametrize("requirement", PROJECT["dependency-groups"]["dev"])
def test_every_tool_is_pinned(requirement: str) -> None:
    assert name_of(requirement) in TOOLS


def test_prefect_finds_the_form_of_a_service_among_its_collections() -> None:
    [(name, value)] = PROJECT["project"]["entry-points"]["prefect.collections"].items()
    block = EntryPoint(name, value, "prefect.collections").load()
    assert block.get_block_type_slug() == "twitter-service"


def test_the_product_is_pinned_without_the_tools_of_the_tests() -> None:
    assert {"pytest", "hypothesis", "mypy", "ruff", "hatchling"} <= TOOLS.keys() - NEEDED.keys()
    assert {name for name in TOOLS.keys() & NEEDED.keys() if TOOLS[name] != NEEDED[name]} == set()


def licence_of(name: str) -> str:
    found = metadata(name)
    classified = [one for one in found.get_all("Classifier", []) if one.startswith("License ::")]
    return " / ".join([*found.get_all("License-Expression", []), *classified, *found.get_all("License", [])[:1]])


@pytest.mark.parametrize("name", NEEDED)
def test_the_licence_of_what_is_needed_fits_ours(name: str) -> None:
    try:
        assert LICENCES.search(licence_of(name)), licence_of(name)
    except PackageNotFoundError:
        pytest.skip("not installed on this machine or with this Python")


@pytest.mark.parametrize("requirement", PROJECT["project"]["dependencies"])
def test_every_dependency_has_an_upper_bound(requirement: str) -> None:
    assert "<" in requirement


@pytest.mark.parametrize("file", PINNED)
def test_every_pin_has_its_hash_and_names_no_address(file: str) -> None:
    text = (ROOT / file).read_text()
    pins = [block for block in re.split(r"^(?=[a-z0-9._-]+==)", text, flags=re.MULTILINE) if "==" in block]
    assert [block.split()[0] for block in pins if "--hash=sha256:" not in block] == []
    assert len(pins) == len(_PIN.findall(text))
    assert "://" not in text


@pytest.mark.parametrize("name", ["deployments", "flows", "models", "tasks"])
def test_a_folder_of_the_same_name_does_not_take_the_place_of_ours(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("raise SystemExit('not ours')")
    asked = f"import campaign, {name}; print({name}.__file__)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    found = subprocess.run(
        [sys.executable, "-c", asked], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == str(ROOT / name / "__init__.py")


def test_no_file_names_a_package_registry() -> None:
    files = files_of_the_repository()
    assert ROOT / "pyproject.toml" in files
    assert [str(file.relative_to(ROOT)) for file in files if REGISTRY.search(text_of(file))] == []


def test_everything_that_is_installed_finds_what_it_needs() -> None:
    found = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout
