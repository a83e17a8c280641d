"""A Janus in memory: what a real one (1.1.2) said, recorded by record.py, said again to the same requests."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from signaling.sfu.session import JanusSession

VECTOR = Path(__file__).parents[2] / "vectors" / "janus.jsonl"
TALK: list[dict[str, Any]] = [json.loads(line) for line in VECTOR.read_text(encoding="utf-8").splitlines()]


class RecordedJanus:
    """The far end of a WebSocket. Each request is answered as the same one was, with its own transaction.

    `asked` are the requests, `say` says something that was not asked for, and `silent` leaves requests unanswered: they
    are had from `unanswered`.
    """

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.silent = False
        self.unanswered: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._frames: asyncio.Queue[Any] = asyncio.Queue()
        self._used: set[str] = set()  # recorded requests that were answered already, by transaction

    async def send_str(self, text: str) -> None:
        request = json.loads(text)
        self.asked.append(request)
        if self.silent:
            self.unanswered.put_nowait(request)
            return
        recorded = self._recorded(request)
        for line in TALK:
            if line["from"] == "janus" and line["said"].get("transaction") == recorded:
                self.say({**line["said"], "transaction": request["transaction"]})

    async def receive(self) -> Any:
        return await self._frames.get()

    def say(self, message: dict[str, Any] | str) -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        self._frames.put_nowait(aiohttp.WSMessage(aiohttp.WSMsgType.TEXT, text, None))

    def hang_up(self) -> None:
        self._frames.put_nowait(aiohttp.WSMessage(aiohttp.WSMsgType.CLOSED, None, None))

    def _recorded(self, request: dict[str, Any]) -> str:
        """The transaction of the first request like this one that has not been answered again."""
        for line in TALK:
            said = line["said"]
            alike = line["from"] == "us" and _gist(said) == _gist(request)
            if alike and said["transaction"] not in self._used:
                self._used.add(said["transaction"])
                answer: str = said["transaction"]
                return answer
        raise AssertionError(f"no such request was recorded: {_gist(request)}")


def _gist(request: dict[str, Any]) -> tuple[Any, ...]:
    jsep = request.get("jsep", {})
    return request["janus"], request.get("plugin"), json.dumps(request.get("body"), sort_keys=True), jsep.get("type")


@pytest.fixture
def janus() -> RecordedJanus:
    return RecordedJanus()


@pytest.fixture
def in_session(janus: RecordedJanus) -> Callable[[], Any]:
    """`async with in_session() as session`: one with the recorded Janus, whose answers are waited for 50 ms at most."""

    @asynccontextmanager
    async def begin() -> AsyncIterator[JanusSession]:
        socket: Any = janus
        session = JanusSession(socket, shown="ws://janus", answer_s=0.05)
        reading = asyncio.create_task(session.read())
        await session.begin()
        yield session
        reading.cancel()

    return begin
