"""What commands about deliveries do first."""

import pendulum

from campaign.settings import load_settings
from campaign.store import approvals, deliveries, schema
from campaign.store.engine import reading, writing
from models import Delivery


def make_ready() -> None:
    """Bring the tables up to date and take back questions that nobody answered."""
    schema.make_ready()
    with writing() as session:
        approvals.return_unanswered(session, pendulum.now("UTC"))


def check_x() -> None:
    """Raise WrongUsage when a simulator is in X's place and does not answer."""
    from campaign.x.network import check_simulator

    check_simulator(load_settings().x_api_url)


def find(name: str) -> Delivery:
    """Find a delivery before anything is started for it; raises WrongUsage when there is none."""
    make_ready()
    with reading() as session:
        return deliveries.named(session, name)
