"""Keeps the libraries that handle keys and texts from ever logging them."""

import logging

import tweepy  # noqa: F401  # brings the others along; loggers must exist before they can be quieted

# At DEBUG tweepy prints headers and whole bodies, the OAuth libraries print signatures, urllib3 prints queries.
_PACKAGES = ("oauthlib", "requests", "requests_oauthlib", "tweepy", "urllib3")


def _is_harmless(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.INFO


def silence() -> None:
    """Drop every record below INFO of these packages, whatever level anybody sets now or later.

    A level can be set back by any logging configuration; a filter stays. A parent's filter does not see its
    children's records, so each logger gets its own.
    """
    for name in (*_PACKAGES, *logging.root.manager.loggerDict):
        if name.partition(".")[0] in _PACKAGES:
            logging.getLogger(name).addFilter(_is_harmless)
