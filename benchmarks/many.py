"""Many services with a confirmed broadcast to the followers of all: `python -m benchmarks.many FILE`.

FILE holds the accounts and their followers on the simulator. Only what is measured later is done as people do it: the
followers are written without a sync.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pendulum
from sqlalchemy import insert
from sqlmodel import SQLModel

from benchmarks.brand import Brand
from benchmarks.broadcast import composed, confirmed
from benchmarks.connecting import connect
from campaign.db import engine
from campaign.db.engine import transaction
from campaign.services.store import connected_services
from models import ORIGIN, Service

_FOLDER = "Visitors"


def prepare(brands: Sequence[Brand], followers: Sequence[Sequence[dict[str, Any]]]) -> str:
    """Connect the services, write the followers, compose and confirm; the name of the broadcast."""
    for brand in brands:
        connect(brand)
    services = {service.internal_name: service for service in connected_services().services}
    for brand, people in zip(brands, followers, strict=True):
        _write(services[brand.username], people)
    name = composed([brand.username for brand in brands])
    confirmed(name)
    return name


def _write(service: Service, people: Sequence[dict[str, Any]]) -> None:
    tables, now = SQLModel.metadata.tables, pendulum.now("UTC")
    met = {"origin": ORIGIN, "folder": _FOLDER, "created_at": now, "updated_at": now}
    rows = [
        {**met, "external_id": person["id"], "username": person["username"], "full_name": person["name"]}
        for person in people
    ]
    visitor = tables["visitor"]
    with transaction() as session:
        database = session.connection()
        ids = database.execute(insert(visitor).returning(visitor.c.id), rows).scalars()
        follow = [{"service_id": service.id, "visitor_id": visitor_id, "began_at": now} for visitor_id in ids]
        database.execute(insert(tables["subscription"]), follow)


def main(file: str) -> None:
    """Prepare what the file describes, and print the name of the broadcast."""
    described = json.loads(Path(file).read_text())
    engine.upgrade()
    name = prepare([Brand(**one["brand"]) for one in described], [one["followers"] for one in described])
    print(json.dumps(name))


if __name__ == "__main__":
    main(*sys.argv[1:])
