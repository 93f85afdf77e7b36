"""What posts and broadcasts have in common: a delivery rendered, and a delivery analysed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from campaign.deliveries.draft import Draft, FileProblem, LoadedFile
from campaign.deliveries.findings import Analysis
from models import Delivery, Service

Files = Mapping[str, LoadedFile | FileProblem]
"""What each source holds, or why it cannot be used."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A delivery as it would go out now. Its fingerprint covers all that goes out; no analysis is needed for it."""

    delivery: Delivery
    draft: Draft
    services: list[Service]
    files: Files
    fingerprint: str
    version: str
    """That of the delivery's row in the database: another one as soon as the row is changed in any way."""

    @property
    def usable_files(self) -> list[LoadedFile]:
        """The files that can be sent."""
        return [file for file in self.files.values() if isinstance(file, LoadedFile)]


R_co = TypeVar("R_co", bound=Rendered, covariant=True)


@dataclass(frozen=True, slots=True)
class Analysed(Generic[R_co]):
    """A rendered delivery, and what its analysis found."""

    rendered: R_co
    analysis: Analysis
