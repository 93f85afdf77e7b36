"""What a person is shown of a broadcast that waits for an answer."""

import pytest

from campaign.broadcasts.prepare import last_analysed, preview_document
from campaign.db.engine import transaction
from campaign.deliveries.findings import Analysis, warning
from campaign.reporting.text import as_markdown
from models import Delivery, DeliveryState, MessageState
from tests.crowds import add, people
from tests.databases import Database
from tests.factories import service
from tests.planned import broadcast, message_to

NO_PROOF = warning("no_proof_sent", "No proof was sent yet.")


@pytest.mark.parametrize(
    ("state", "is_still_missing"),
    [(MessageState.SENT, False), (MessageState.PENDING, True), (MessageState.REFUSED, True)],
)
def test_only_a_proof_that_is_out_is_no_longer_missing(
    database: Database, state: MessageState, is_still_missing: bool
) -> None:
    assert database
    add(acme := service())
    [ann] = people(1, acme)
    made = broadcast(acme, DeliveryState.ANALYSED, proofs=1)
    with transaction() as session:
        session.get_one(Delivery, made.id).analysis = Analysis(findings=[NO_PROOF]).model_dump_json()
    message_to(made, acme, ann, state, proof_number=1)
    assert ("No proof was sent yet" in as_markdown(preview_document(last_analysed(made.name)))) is is_still_missing
