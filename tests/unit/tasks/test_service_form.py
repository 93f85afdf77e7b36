"""The form of a service as both Prefect UIs show it."""

import pytest

from campaign.services.fields import ServiceFields
from tasks.services import XAccount

REQUIRED = {name for name, field in ServiceFields.model_fields.items() if field.is_required()}


def test_the_form_has_every_field_of_a_service() -> None:
    assert set(XAccount.model_fields) >= set(ServiceFields.model_fields)


@pytest.mark.parametrize("name", [name for name in XAccount.model_fields if name not in REQUIRED])
def test_both_uis_can_show_a_field_and_know_its_default(name: str) -> None:
    shown = XAccount.model_json_schema()["properties"][name]
    assert shown["type"] in {"string", "boolean", "integer", "number"}
    assert shown["title"]
    assert "default" in shown
    assert not {"anyOf", "allOf", "$ref", "const", "ge", "le"} & shown.keys()
