"""What happens on X while a sync reads."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

from tests.simulated_x import Brand


@contextmanager
def meanwhile(act: Callable[[], object], every: float = 0.01) -> Iterator[None]:
    """Act again and again, in a thread of its own."""
    done = Event()

    def repeat() -> None:
        while not done.wait(every):
            act()

    thread = Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def once_pages_are_read(brand: Brand, *acts: Callable[[], object]) -> Callable[[], None]:
    """The first act once one page was asked for, the second once two were, and so on."""
    left = list(enumerate(acts, 1))

    def act() -> None:
        while left and len(brand.pages_asked()) >= left[0][0]:
            left.pop(0)[1]()

    return act
