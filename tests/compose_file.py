"""What deployments/compose.yaml says, with the variables of .env filled in as Docker Compose fills them in."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

_VARIABLE = re.compile(r"\$(?:(\$)|\{(\w+)(?:(:[-+?])([^}]*))?\})")


def read_compose(file: Path, variables: Mapping[str, str]) -> dict[str, Any]:
    """Reads the file; raises ValueError where a variable is wanted that is not there."""
    return dict(_fill(YAML(typ="safe").load(file), variables))


def _fill(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _fill(one, variables) for key, one in value.items()}
    if isinstance(value, list):
        return [_fill(one, variables) for one in value]
    return _VARIABLE.sub(lambda found: _replace(found, variables), value) if isinstance(value, str) else value


def _replace(found: re.Match[str], variables: Mapping[str, str]) -> str:
    dollar, name, operator, text = found.groups()
    if dollar:
        return "$"
    given = variables.get(name, "")
    match operator:
        case ":-":
            return given or text
        case ":+":
            return text if given else ""
        case ":?" if not given:
            raise ValueError(f"{name}: {text}")
        case _:
            return given


def services_of(compose: Mapping[str, Any], profiles: set[str]) -> dict[str, dict[str, Any]]:
    """Returns the services without a profile and those of the profiles, in an order in which they can start."""
    services = compose["services"]
    active = {name for name, one in services.items() if not one.get("profiles") or profiles & set(one["profiles"])}

    def after(name: str) -> Iterator[str]:
        for needed in services[name].get("depends_on", {}):
            yield from after(needed)
        yield name

    return {name: services[name] for wanted in services if wanted in active for name in after(wanted)}


def image_of(dockerfile: Path) -> tuple[dict[str, str], int]:
    """Reads the environment and the user id that an image of our own gives its containers."""
    text = dockerfile.read_text().rsplit("\nFROM ", 1)[1].replace("\\\n", " ")
    environment = re.search(r"^ENV (.*)$", text, re.MULTILINE)
    uid = re.search(r"useradd .*--uid (\d+)", text)
    assert environment
    assert uid
    return dict(pair.split("=", 1) for pair in environment[1].split()), int(uid[1])
