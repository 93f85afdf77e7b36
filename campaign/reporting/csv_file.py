"""Documents as comma separated values."""

import csv
from io import StringIO

from campaign.reporting.document import Document, plain

HEAD = ("Section", "Row", "Column", "Value")


def as_csv(document: Document) -> str:
    """Writes every figure of a document on a line of its own: where it stands, and what it is."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(HEAD)
    for section in document.sections:
        for row in section.rows:
            for column, cell in zip(section.columns[1:], row[1:], strict=True):
                writer.writerow([section.title, plain(row[0]), column, plain(cell)])
    return text.getvalue()
