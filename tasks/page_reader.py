"""Reading ahead: the next page is on its way while the last one is written."""

import gc
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

import pendulum

from campaign.domain.budget import opens_at
from campaign.domain.followers import FollowerPage
from campaign.domain.receipt import Answer
from campaign.x.gateway import Gateway


def collect_garbage_rarely() -> None:
    """Let this process look for reference cycles a hundred times less often than Python's default.

    A page is thousands of objects without cycles; looking through all of Prefect's for each took an eighth of a sync.
    """
    gc.set_threshold(100_000, 20, 100)


class PageReader:
    """Asks X for pages of followers, one call at a time, never for more people than are paid for."""

    def __init__(self, gateway: Gateway, user_id: str) -> None:
        self._gateway, self._user_id = gateway, user_id
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._asked: Future[Answer[FollowerPage]] | None = None
        self._size = 0
        self.may_go_on = True
        """Whether X allowed another call when it last answered."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()

    def ask(self, token: str | None, paid_for: int) -> bool:
        """Ask for a page, unless it is asked for already; returns False when none is paid for."""
        if self._asked is None and paid_for > 0:
            self._size = min(self._gateway.follower_page_size, paid_for)
            self._asked = self._pool.submit(self._gateway.followers, self._user_id, token, self._size)
        return self._asked is not None

    def answer(self) -> Answer[FollowerPage]:
        """Wait for the page that was asked for; raises XError."""
        assert self._asked is not None  # noqa: S101  the caller asks first
        asked, self._asked = self._asked, None
        answer = asked.result()
        windows = [window for receipt in answer.receipts for window in receipt.windows]
        self.may_go_on = opens_at(windows, pendulum.now("UTC")) is None
        return answer

    def ask_ahead(self, answer: Answer[FollowerPage], paid_for: int) -> None:
        """Ask for the page after this one where there is one, X allows the call, and it is paid for as well."""
        if answer.value.next_token and self.may_go_on:
            self.ask(answer.value.next_token, paid_for - self._size)
