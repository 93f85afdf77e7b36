"""A file of people who agreed, as spreadsheets write it."""

from datetime import datetime
from pathlib import Path

from campaign.cli.csv_file import read_rows
from campaign.domain.consent_rows import COLUMNS, ConsentRow, read_row


def read_file(file: Path, note: str, now: datetime) -> list[ConsentRow]:
    """Read all rows; raises WrongUsage that names those that cannot be used by their lines."""
    rows = read_rows(file, COLUMNS, ("external_id", "username"), lambda cells: read_row(cells, note, now))
    return [row for _, row in rows]
