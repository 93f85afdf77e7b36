"""The simulator as a server: for a process of its own, or in a thread of this one."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

import uvicorn

from campaign.simulator.app import create_app
from campaign.simulator.world import World


class _Server(uvicorn.Server):
    """uvicorn, with a word when it is ready to answer."""

    def __init__(self, world: World | None, ready: Callable[[], None]) -> None:
        # asyncio's own loop, because the faults need its sockets; uvicorn takes httptools when it is there.
        super().__init__(
            uvicorn.Config(
                create_app(world),
                loop="asyncio",
                lifespan="off",
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                timeout_graceful_shutdown=1,
            )
        )
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to listen, then reports it."""
        await super().startup(sockets)
        self._ready()


def serve(host: str = "127.0.0.1", port: int = 8085) -> None:
    """Serves an empty world until interrupted; prints one line with the URL as soon as calls are answered."""
    listening = _listen(host, port)
    _Server(None, lambda: print(f"X simulator at {_url(listening)}", flush=True)).run([listening])  # noqa: T201


@contextmanager
def running(world: World | None = None, port: int = 0) -> Iterator[str]:
    """Runs a simulator in a thread of this process, on any free port unless one is given; yields its URL."""
    listening, ready = _listen("127.0.0.1", port), Event()
    server = _Server(world, ready.set)
    thread = Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    ready.wait()
    try:
        yield _url(listening)
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def _listen(host: str, port: int) -> socket.socket:
    listening = socket.socket(proto=socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen()
    except OSError as error:
        listening.close()
        raise OSError(error.errno, f"The simulator cannot listen on {host}:{port}: {error.strerror}.") from None
    return listening


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()
    return f"http://{host}:{port}"
