"""A report as comma separated values."""

import csv
from io import StringIO

from campaign.reporting.document import Report, plain

HEAD = ("Section", "Row", "Column", "Value")


def as_csv(report: Report) -> str:
    """Write every figure of a report on a line of its own: where it stands, and what it is."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(HEAD)
    for section in report.sections:
        for row in section.rows:
            for column, cell in zip(section.columns[1:], row[1:], strict=True):
                writer.writerow([section.title, plain(row[0]), column, plain(cell)])
    return text.getvalue()
