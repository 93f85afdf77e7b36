"""Services of simulated accounts, connected as a command does it."""

from typing import Any

import pendulum

from benchmarks.brand import Brand
from campaign.db.engine import transaction
from campaign.services import store as services
from campaign.services.fields import SECRETS, read_fields


def connect(brand: Brand, **more: Any) -> None:
    """Connects an account, with a spend cap that nothing here reaches."""
    keys = dict(zip(SECRETS, brand.keys, strict=False))
    values = {"label": brand.username, "internal_name": brand.username, "spend_cap": 1_000_000} | keys | more
    with transaction() as session:
        services.create(session, read_fields(values), pendulum.now("UTC"), "a benchmark")
