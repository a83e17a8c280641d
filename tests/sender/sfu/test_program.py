"""Tests of the sender as a program for an SFU, with a Janus that forwards in memory."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from codec.pictures.face import FaceBox
from sender.crop.face import FaceFollower
from sender.encode import FaceWorker
from sender.options import CallOptions, SenderOptions
from sender.sfu import program
from sender.terminal import Display
from signaling.errors import Unreachable
from signaling.protocol.messages import Capabilities, KeyframeRequest, decode
from signaling.retries import Retries
from signaling.sfu.errors import RoomFull
from signaling.sfu.mux import Kind, Multiplexer
from signaling.sfu.publication import Wishes
from signaling.sfu.trying import Trying
from signaling.sfu.upstream import Wish
from signaling.transport.memory import memory_pair

JOINED = Wish(7, KeyframeRequest("joined"))


class Kept(Display):
    """Keeps what would be printed."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.waiting = asyncio.Event()

    def say(self, text: str) -> None:
        self.lines.append(text)
        if "waiting for viewers" in text:
            self.waiting.set()

    def summary(self, figures: Any) -> None:
        self.lines.append("summary")


class Publication:
    """What `published` gives, over channels in memory, and what all viewers hear."""

    key, pc, knows_line = 77, None, False

    def __init__(self) -> None:
        near, far = memory_pair()
        self.multiplexer, self.viewers = Multiplexer(near.control), Multiplexer(far.control)
        self.channels = self.multiplexer.channels(
            control=self.multiplexer.channel(Kind.CONTROL), flying=lambda: None, extra=lambda: 0
        )
        self.wishes = Wishes()
        self.over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.control: list[Any] = []
        self.motion = asyncio.Event()
        self.viewers.channel(Kind.CONTROL).set_receiver(lambda data: self.control.append(decode(data)))
        self.viewers.channel(Kind.MOTION).set_receiver(lambda data: self.motion.set())

    async def ended(self) -> str:
        return await self.over

    def wish(self) -> None:
        self.wishes.hear('{"textroom": "announcement", "text": "%s"}' % JOINED.text())  # noqa: UP031


class Janus:
    """Gives one publication after the other, or raises what stands in its place."""

    def __init__(self, *outcomes: Any) -> None:
        self.outcomes = list(outcomes)

    @asynccontextmanager
    async def session(self, url: str, *, ca: str) -> AsyncIterator[object]:
        assert url == "ws://10.0.0.1:8188"
        yield self

    @asynccontextmanager
    async def published(self, session: object, room: str, *, ice: Any, token: str) -> AsyncIterator[Publication]:
        assert (session, room, token) == (self, "hall", "secret")
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        yield outcome


@pytest.fixture
def run(fakes: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[Janus, Path], tuple[Kept, Any]]:
    """Begins the program with a clip and a Janus; its display, and the coroutine that is to be awaited."""

    def make_worker(options: SenderOptions) -> FaceWorker:
        encoder, finder = fakes.Encoder(bundle=1), fakes.Finder(FaceBox(10, 10, 20, 20, 1.0))
        return FaceWorker(lambda _: encoder, lambda _: FaceFollower(finder), size=64, bundles=fakes.Bundles)

    async def no_stats(pc: object) -> dict[str, Any]:
        return {}

    async def no_sleep(seconds: float) -> None:
        """Pauses take no time."""

    def begin(janus: Janus, clip: Path) -> tuple[Kept, Any]:
        monkeypatch.setattr(program, "make_worker", make_worker)
        monkeypatch.setattr(program, "janus_session", janus.session)
        monkeypatch.setattr(program, "published", janus.published)
        monkeypatch.setattr(program, "connection_stats", no_stats)
        monkeypatch.setattr(
            program, "Trying", lambda say: Trying(say=say, retries=Retries(draw=lambda: 0.0), sleep=no_sleep)
        )
        display = Kept()
        options = CallOptions(input=str(clip), room="hall", token="secret", sfu="janus:ws://10.0.0.1:8188")
        return display, program.SfuProgram(options, SenderOptions(mode="auto", bundle=1), display).run()

    return begin


async def test_a_file_begins_with_the_first_viewer_and_ends_the_program(run: Any, clip: Any) -> None:
    publication = Publication()
    display, running = run(Janus(publication), clip(frames=8))
    task = asyncio.create_task(running)
    await display.waiting.wait()
    assert not publication.motion.is_set()
    publication.wish()
    await task
    assert publication.motion.is_set()
    assert Capabilities in map(type, publication.control)
    assert "a viewer is there" in display.lines
    assert display.lines[-2:] == ["summary", "the source has ended"]
    assert display.lines[1] == "in room 77 of Janus at 10.0.0.1:8188; waiting for viewers"


async def test_it_begins_anew_whenever_janus_or_its_room_comes_back(run: Any, clip: Any) -> None:
    first, second = Publication(), Publication()
    first.over.set_result("Janus hung up")
    janus = Janus(RoomFull("full"), first, Unreachable("no Janus answers"), second)
    display, running = run(janus, clip(frames=8))
    task = asyncio.create_task(running)
    while len(janus.outcomes) > 0:
        display.waiting.clear()
        await display.waiting.wait()
    second.wish()
    await task
    told = [
        line
        for line in display.lines
        if line in ("Janus hung up", "full; trying again", "no Janus answers; trying again")
    ]
    assert told == ["full; trying again", "Janus hung up", "no Janus answers; trying again"]
    assert display.lines[-1] == "the source has ended"
