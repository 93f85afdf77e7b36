"""The line between X and its client: every call is noted here, and some go wrong here."""

import asyncio
import socket
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from campaign.simulator.calls import Call
from campaign.simulator.faults import Fault, FaultKind
from campaign.simulator.world import World

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
PAGE = b"<!DOCTYPE html><html><head><title>X</title></head><body><h1>Something went wrong.</h1></body></html>"
DONE_FIRST = {
    FaultKind.UNAVAILABLE_AFTER,
    FaultKind.ANSWER_LOST,
    FaultKind.SLOW,
    FaultKind.TRUNCATED,
    FaultKind.EMPTY,
    FaultKind.BROKEN_JSON,
}
UNAVAILABLE = {"title": "Service Unavailable", "detail": "Service Unavailable", "type": "about:blank", "status": 503}


@dataclass
class Answer:
    """What is to be sent: in full, or with `cut` only half of the body that its headers promise."""

    status: int = 200
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    cut: bool = False


class Wire:
    """Passes calls on to X; the control API is not part of X and goes through untouched."""

    def __init__(self, app: ASGIApp, world: World) -> None:
        self.app = app
        self.world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call, well or with the fault it meets."""
        if scope["type"] != "http" or scope["path"].startswith("/control"):
            await self.app(scope, receive, send)
            return
        call = Call(datetime.now(UTC), scope["method"], scope["path"])
        scope.setdefault("state", {})["call"] = call
        self.world.calls.append(call)
        fault = self.world.faults.strike(call.method, call.path)
        if fault is None:
            await self.app(scope, receive, _noting(call, send))
        else:
            call.fault = fault.kind
            await self._spoil(fault, scope, receive, _noting(call, send))

    async def _spoil(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await self._answer(scope, receive) if fault.kind in DONE_FIRST else Answer()
        if fault.kind in {FaultKind.RESET_BEFORE, FaultKind.ANSWER_LOST}:
            await _hang_up(receive, reset=fault.kind is FaultKind.RESET_BEFORE)
            return
        if fault.kind is FaultKind.SLOW:
            await asyncio.sleep(fault.seconds)
        spoiled = _spoiled(fault, answer)
        await _say(spoiled, send)
        if spoiled.cut:
            await _hang_up(receive)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        """What X would have answered; with asking, the work is done."""
        answer = Answer()

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status, answer.headers = message["status"], message["headers"]
            else:
                answer.body += message["body"]

        await self.app(scope, receive, keep)
        return answer


def _noting(call: Call, send: Send) -> Send:
    """The same way out, on which the status told to the client is noted."""

    async def noting(message: Message) -> None:
        call.status = message.get("status", call.status)
        await send(message)

    return noting


def _spoiled(fault: Fault, answer: Answer) -> Answer:
    """What the client gets in place of X's answer."""
    half = answer.body[: len(answer.body) // 2]
    if fault.kind is FaultKind.SLOW:
        return answer
    if fault.kind is FaultKind.TRUNCATED:
        return Answer(answer.status, answer.headers, half, cut=True)
    status, headers, body = _replacement(fault, half)
    told = headers | {"content-length": str(len(body))}
    return Answer(status, [(name.lower().encode(), value.encode()) for name, value in told.items()], body)


def _replacement(fault: Fault, half: bytes) -> tuple[int, dict[str, str], bytes]:
    unavailable = (503, {"content-type": "application/problem+json"}, orjson.dumps(UNAVAILABLE))
    literal = fault.body.encode() if isinstance(fault.body, str) else orjson.dumps(fault.body)
    return {
        FaultKind.UNAVAILABLE_BEFORE: unavailable,
        FaultKind.UNAVAILABLE_AFTER: unavailable,
        FaultKind.HTML: (fault.status, {"content-type": "text/html"}, PAGE),
        FaultKind.EMPTY: (200, {}, b""),
        FaultKind.BROKEN_JSON: (200, {"content-type": "application/json"}, half),
        FaultKind.LITERAL: (fault.status, {"content-type": "application/json"} | fault.headers, literal),
    }[fault.kind]


async def _say(answer: Answer, send: Send) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": answer.cut})


async def _hang_up(receive: Receive, *, reset: bool = False) -> None:
    """Close the connection, at once and rudely (TCP RST) with `reset`; returns when it is closed.

    ASGI knows no way to do it; uvicorn's `receive` is a method of its request, which holds the connection.
    Returning earlier would make uvicorn answer 500 and complain of an application without an answer.
    """
    transport = cast("Any", receive).__self__.transport
    if reset:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        transport.abort()
    transport.close()
    while (await receive())["type"] != "http.disconnect":
        continue
