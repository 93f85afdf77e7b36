"""Who may import whom: the contracts in pyproject.toml, held."""

import subprocess
import sys
from pathlib import Path

from campaign.settings import ROOT


def test_the_import_contracts_are_kept() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
