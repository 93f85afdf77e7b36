"""The line between X and its client: every call is noted here, and some go wrong here."""

import asyncio
import math
import socket
import struct
import time
from codecs import BOM_UTF8
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, cast

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from campaign.simulator.calls import Call
from campaign.simulator.faults import Fault, FaultKind
from campaign.simulator.odd_answers import IN_THE_ANSWER
from campaign.simulator.problems import coded, plain
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
    FaultKind.BYTE_ORDER_MARK,
}
IN_X = {FaultKind.SPEND_CAP_REACHED, FaultKind.PROBLEM} | IN_THE_ANSWER
"""Faults that the endpoint itself makes, once it knows who calls."""
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
        """Answers one call, well or with the fault it meets."""
        if scope["type"] != "http" or scope["path"].startswith("/control"):
            await self.app(scope, receive, send)
            return
        call = Call(datetime.now(UTC), scope["method"], scope["path"])
        scope.setdefault("state", {})["call"] = call
        self.world.calls.append(call)
        fault = self.world.faults.strike(call.method, call.path)
        call.fault = fault.kind if fault else None
        scope["state"]["fault"] = fault if fault and fault.kind in IN_X else None
        if fault is None or fault.kind in IN_X:
            await self.app(scope, receive, _noting(call, send))
        else:
            await self._spoil(fault, scope, receive, _noting(call, send))

    async def _spoil(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await self._answer(scope, receive) if fault.kind in DONE_FIRST else Answer()
        if fault.kind in {FaultKind.RESET_BEFORE, FaultKind.ANSWER_LOST}:
            await _hang_up(receive, reset=fault.kind is FaultKind.RESET_BEFORE)
            return
        if fault.kind is FaultKind.SLOW:
            await asyncio.sleep(fault.seconds)
        spoiled = _spoiled(fault, answer, legacy=scope["path"].startswith("/1.1/"))
        await _say(spoiled, send)
        if spoiled.cut:
            await _hang_up(receive)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        """Returns what X would have answered; the work is done by asking."""
        answer = Answer()

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status, answer.headers = message["status"], message["headers"]
            else:
                answer.body += message["body"]

        await self.app(scope, receive, keep)
        return answer


def _noting(call: Call, send: Send) -> Send:
    """Returns the same way out, on which the status of the answer is noted."""

    async def noting(message: Message) -> None:
        call.status = message.get("status", call.status)
        await send(message)

    return noting


def _spoiled(fault: Fault, answer: Answer, *, legacy: bool) -> Answer:
    """Returns what the client gets in the place of X's answer; v1.1 (`legacy`) has words of its own."""
    half = answer.body[: len(answer.body) // 2]
    if fault.kind is FaultKind.SLOW:
        return answer
    if fault.kind is FaultKind.TRUNCATED:
        return Answer(answer.status, answer.headers, half, cut=True)
    if fault.kind is FaultKind.BYTE_ORDER_MARK:
        body = BOM_UTF8 + answer.body
        others = [(name, value) for name, value in answer.headers if name != b"content-length"]
        return Answer(answer.status, [*others, (b"content-length", str(len(body)).encode())], body)
    status, headers, body = _replacement(fault, half, legacy=legacy)
    headers = headers | {"content-length": str(len(body))}
    return Answer(status, [(name.lower().encode(), value.encode()) for name, value in headers.items()], body)


def _replacement(fault: Fault, half: bytes, *, legacy: bool) -> tuple[int, dict[str, str], bytes]:
    json, problem = {"content-type": "application/json"}, {"content-type": "application/problem+json"}
    unavailable = (503, problem, orjson.dumps(UNAVAILABLE))
    literal = fault.body.encode() if isinstance(fault.body, str) else orjson.dumps(fault.body)
    no = coded(401, 32, "Could not authenticate you.") if legacy else plain(401, "Unauthorized")
    until = formatdate(time.time() + fault.seconds, usegmt=True) if fault.as_date else str(math.ceil(fault.seconds))
    later = plain(fault.status, HTTPStatus(fault.status).phrase)
    return {
        FaultKind.UNAVAILABLE_BEFORE: unavailable,
        FaultKind.UNAVAILABLE_AFTER: unavailable,
        FaultKind.HTML: (fault.status, {"content-type": "text/html"}, PAGE),
        FaultKind.EMPTY: (200, {}, b""),
        FaultKind.BROKEN_JSON: (200, json, half),
        FaultKind.LITERAL: (fault.status, json | fault.headers, literal),
        FaultKind.NOT_ROUTED: (404, {}, b""),
        FaultKind.UNAUTHORIZED: (401, json, orjson.dumps(no.body)),
        FaultKind.RETRY_LATER: (fault.status, problem | {"retry-after": until}, orjson.dumps(later.body)),
    }[fault.kind]


async def _say(answer: Answer, send: Send) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": answer.cut})


async def _hang_up(receive: Receive, *, reset: bool = False) -> None:
    """Closes the connection, at once and rudely (TCP RST) with `reset`; returns when it is closed.

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
