"""Direct messages to all followers of an account, in the ways that are compared: their seconds, and CPU seconds."""

import sys
import time
from collections import Counter
from collections.abc import Callable

import requests
import tweepy

from benchmarks.brand import Brand
from benchmarks.pages import RelocatedSession
from campaign.settings import load_settings
from models import MessageState

#: Large enough that the first inbox and the first batch are not what is measured; a task for each takes long.
MESSAGES, MESSAGES_BY_TASK = 3_000, 400


def send(brand: Brand) -> list[float]:
    """Send a confirmed broadcast as a run does, each message armed and settled durably."""
    from benchmarks.broadcast import begun, desk_for
    from campaign.broadcasts.send import send_what_is_due

    begun(brand)
    sent: Counter[MessageState] = Counter()
    sender = desk_for(brand, lambda _delivery_id, change: sent.update(change))
    taken = _timed(lambda: send_what_is_due(sender))
    _check(sent[MessageState.SENT], MESSAGES)
    return taken


def tweepy_loop(brand: Brand) -> list[float]:
    """Plain tweepy, one message after the other, and no record of any."""
    client, people = _client(brand), _people(brand)
    sent: list[str] = []

    def loop() -> None:
        for person in people:
            answer = client.create_direct_message(participant_id=person["id"], text=_text(person), user_auth=True)
            sent.append(answer.data["dm_event_id"])

    taken = _timed(loop)
    _check(len(sent), MESSAGES)
    return taken


def task_for_each(brand: Brand) -> list[float]:
    """A Prefect flow with a task run for each message, from its start to its end as the sync is measured."""
    from prefect import flow, task

    client, people = _client(brand), _people(brand)[:MESSAGES_BY_TASK]

    @task
    def send_one(person_id: str, text: str) -> str:
        answer = client.create_direct_message(participant_id=person_id, text=text, user_auth=True)
        return str(answer.data["dm_event_id"])

    @flow
    def send_all() -> int:
        return len([send_one(person["id"], _text(person)) for person in people])

    return _timed(lambda: _check(send_all(), MESSAGES_BY_TASK))


def _client(brand: Brand) -> tweepy.Client:
    client = tweepy.Client(None, *brand.keys)
    client.session = RelocatedSession(load_settings().x_api_url)
    return client


def _people(brand: Brand) -> list[dict[str, str]]:
    url = f"{load_settings().x_api_url}/control/accounts/{brand.username}/followers"
    people: list[dict[str, str]] = requests.get(url, params={"limit": MESSAGES}, timeout=60).json()["users"]
    return people


def _text(person: dict[str, str]) -> str:
    return f"Hello {person['name'] or 'there'}, our winter sale begins today. See you at the harbour!"


def _timed(work: Callable[[], object]) -> list[float]:
    began, cpu_before = time.perf_counter(), time.process_time()
    work()
    return [time.perf_counter() - began, time.process_time() - cpu_before]


def _check(sent: int, wanted: int) -> None:
    if sent != wanted:
        sys.exit(f"{sent:,} messages were sent, not {wanted:,}.")
