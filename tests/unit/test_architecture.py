"""Who may import whom, and how much of that there is."""

import ast
import subprocess
import sys
from pathlib import Path

from campaign.settings import ROOT

#: Imports between the product's own modules for every 1,000 lines.
MOST_EDGES = 27
#: Lines of a module: a table or a parser; most have half of that.
LONGEST_MODULE = 600
#: The product's own modules, without the simulator.
FOLDERS = ("campaign", "deployments", "flows", "models", "tasks")


def test_the_import_contracts_are_kept() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def product_files() -> list[Path]:
    files = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")]
    return [file for file in files if not file.is_relative_to(ROOT / "campaign" / "simulator")]


def test_modules_are_read_in_one_sitting() -> None:
    lines = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in product_files()}
    assert {name: count for name, count in lines.items() if count > LONGEST_MODULE} == {}


def test_modules_import_few_others() -> None:
    files = product_files()
    known = {".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for file in files}
    edges = sum(len(imported(file, known)) for file in files)
    lines = sum(len(file.read_text().splitlines()) for file in files)
    assert 0 < 1000 * edges / lines < MOST_EDGES


def imported(file: Path, known: set[str]) -> set[str]:
    """The modules of the product that a file imports, wherever in it."""
    statements = (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ImportFrom))
    return {
        f"{node.module}.{name.name}" if f"{node.module}.{name.name}" in known else str(node.module)
        for node in statements
        for name in node.names
        if f"{node.module}.{name.name}" in known or node.module in known
    }


def test_names_of_tests_are_short_sentences() -> None:
    names = [
        node.name
        for file in (ROOT / "tests").rglob("test_*.py")
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    assert [name for name in names if len(name) >= 72] == []
