import logging
import re
from collections.abc import Iterator
from dataclasses import fields
from logging.config import dictConfig
from pathlib import Path
from typing import Any

import oauthlib
import pytest
import requests
import tweepy
import urllib3

from campaign.errors import XError
from campaign.x.gateway import Gateway
from campaign.x.types import Keys, MediaFile, MediaKind, NewPost

MEDIA = {"data": {"id": "7"}, "media_id_string": "7"}


class Everything(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name}: {record.getMessage()} {record.exc_info}")


@pytest.fixture
def everything() -> Iterator[Everything]:
    """A root handler at DEBUG with every logger opened wide, as the worst configuration would."""
    root, handler = logging.getLogger(), Everything()
    loggers = [each for each in logging.root.manager.loggerDict.values() if isinstance(each, logging.Logger)]
    levels = [(each, each.level) for each in (root, *loggers)]
    root.addHandler(handler)
    for each, _ in levels:
        each.setLevel(logging.DEBUG)
    loud = {"level": "DEBUG", "propagate": True}
    names = ("tweepy.client", "urllib3.connectionpool", "oauthlib.oauth1.rfc5849")
    dictConfig({"version": 1, "incremental": True, "loggers": dict.fromkeys(names, loud)})
    yield handler
    root.removeHandler(handler)
    for each, level in levels:
        each.setLevel(level)


def test_no_call_leaks_keys_signatures_or_bodies(
    v2: Gateway, little_x: Any, keys: Keys, everything: Everything
) -> None:
    little_x.answers({"data": {"id": "7", "username": "confidential"}})
    little_x.answers({"detail": "confidential"}, status=401)
    logging.getLogger("anything").debug("the handler listens")
    v2.me()
    with pytest.raises(XError):
        v2.followers("42", "confidential", 5)
    logged = "\n".join(everything.lines)
    assert "the handler listens" in logged
    values = [getattr(keys, each.name).get_secret_value() for each in fields(keys)]
    for secret in (*values, "OAuth", "oauth_", "Authorization", "confidential", "signature"):
        assert secret not in logged


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_no_text_and_no_file_is_logged(
    version: str, request: pytest.FixtureRequest, little_x: Any, everything: Everything, tmp_path: Path
) -> None:
    gateway: Gateway = request.getfixturevalue(version)
    secret = tmp_path / "confidential.png"
    secret.write_bytes(b"confidential")
    for answer in (MEDIA, b"", MEDIA, b"", {"data": {"id": "9"}, "id": 9}):
        little_x.answers(answer)
    little_x.answers({"detail": "confidential"}, status=403)
    little_x.resets()
    gateway.upload(MediaFile(str(secret), "image/png", MediaKind.IMAGE, "confidential"), lambda *_: None)
    gateway.publish(NewPost("confidential"))
    for _ in range(2):
        with pytest.raises(XError):
            gateway.publish(NewPost("confidential"))
    assert len(little_x.requests) == 7
    assert not [line for line in everything.lines if "confidential" in line or "oauth" in line.lower()]


@pytest.mark.parametrize("package", [oauthlib, requests, tweepy, urllib3])
def test_every_logger_in_use_is_quiet(package: Any) -> None:
    """A module that is not imported has no logger yet and cannot log."""
    root = Path(package.__file__).parent
    for source in root.rglob("*.py"):
        name = ".".join((package.__name__, *source.relative_to(root).with_suffix("").parts)).removesuffix(".__init__")
        logs = re.search(r"^log(ger)? = logging\.getLogger", source.read_text(), re.MULTILINE)
        if logs and isinstance(logging.root.manager.loggerDict.get(name), logging.Logger):
            assert not logging.getLogger(name).filter(logging.makeLogRecord({"levelno": logging.DEBUG})), name


def test_warnings_are_still_heard(everything: Everything) -> None:
    logging.getLogger("urllib3.connectionpool").warning("the pool is full")
    assert "urllib3.connectionpool: the pool is full None" in everything.lines
