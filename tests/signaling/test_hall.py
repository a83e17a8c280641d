"""Tests of signaling.hall: one sender's line to the server, and a line of its own for each receiver."""

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import pytest

from signaling.client import Retry, SignalingClient
from signaling.errors import RoomError, Unreachable
from signaling.hall import Guest, Hall
from signaling.protocol.messages import Answer, Bye, Candidate, Offer, PeerLeft, Welcome
from signaling.server.rooms import RoomLimits, Rooms


class Stage:
    """A hall with what its guests are served with: each guest goes into `came`, and leaves when its peer has."""

    def __init__(self, client: SignalingClient) -> None:
        self.news: list[str] = []
        self.client = client
        self.hall = Hall(client, news=self.news.append)
        self.came: asyncio.Queue[Guest] = asyncio.Queue()
        self.heard: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.left: asyncio.Queue[str] = asyncio.Queue()

    async def serve(self, guest: Guest) -> None:
        self.came.put_nowait(guest)
        while guest.peer:
            self.heard.put_nowait((guest.name, await anext(guest)))
        self.left.put_nowait(guest.name)


@asynccontextmanager
async def hall(url: str, *, viewers: int = 3, retry: Retry | None = None):
    async with await SignalingClient.connect(url, room="r", role="sender", viewers=viewers, retry=retry) as client:
        stage = Stage(client)
        running = asyncio.create_task(stage.hall.run(stage.serve))
        yield stage, running
        running.cancel()
        await asyncio.wait([running])


async def receiver(url: str) -> SignalingClient:
    return await SignalingClient.connect(url, room="r", role="receiver")


async def test_each_receiver_has_a_line_of_its_own(running) -> None:
    async with hall(running.url) as (stage, _), await receiver(running.url) as one, await receiver(running.url) as two:
        guests = [await stage.came.get(), await stage.came.get()]
        await anext(one)
        await anext(two)
        for guest, end, call in zip(guests, (one, two), ("c1", "c2"), strict=True):
            await guest.send(Offer("sdp", call))
            assert await anext(end) == Offer("sdp", call, to=guest.name)
            await end.send(Answer("sdp", call))
            assert await stage.heard.get() == (guest.name, Answer("sdp", call))
        await two.send(Candidate("", call="unknown"))  # of an attempt that nobody made
        await two.send(Bye("enough", "c2"))
        assert await stage.heard.get() == (guests[1].name, Bye("enough", "c2"))
        await one.close()
        assert await stage.heard.get() == (guests[0].name, PeerLeft("receiver", guests[0].name))
        assert await stage.left.get() == guests[0].name


async def test_one_too_many_is_refused_until_a_place_is_free(running) -> None:
    async with hall(running.url, viewers=2) as (stage, _), await receiver(running.url) as first:
        async with await receiver(running.url) as second:
            listening = [asyncio.create_task(anext(end)) for end in (first, second)]  # welcomes, and then pings
            await asyncio.wait(listening)
            listening = [asyncio.create_task(anext(end)) for end in (first, second)]
            with pytest.raises(RoomError, match="room r is full: it takes 2 receivers"):
                await receiver(running.url)
            for task in listening:
                task.cancel()
            await asyncio.wait(listening)
        await stage.left.get()
        async with await receiver(running.url):
            assert [(await stage.came.get()).name for _ in range(3)]


async def test_a_line_made_anew_shows_at_each(running) -> None:
    async with hall(running.url) as (stage, _), await receiver(running.url), await receiver(running.url):
        guests = [await stage.came.get(), await stage.came.get()]
        await asyncio.gather(*(guest.renew() for guest in guests))  # once is enough
        heard = [await stage.heard.get(), await stage.heard.get()]
        assert heard == [(guest.name, Welcome(True, guest.name)) for guest in guests]
        assert stage.heard.empty()


async def test_calls_go_on_without_a_server_and_the_loss_is_told_at_the_end(start_server) -> None:
    running = await start_server()
    goes_on = asyncio.Event()

    async def serve(guest: Guest) -> None:
        """A call: it heeds what is said, and does without when nothing is any more."""
        with pytest.raises(Unreachable):
            await asyncio.gather(*(anext(guest) for _ in range(10)))
        lost.set()
        await goes_on.wait()

    lost, retry = asyncio.Event(), Retry(mend_s=0.0, first_s=0.0)
    async with await SignalingClient.connect(running.url, room="r", role="sender", viewers=3, retry=retry) as client:
        hall_running = asyncio.create_task(Hall(client).run(serve))
        async with await receiver(running.url):
            await start_server.stack.aclose()
            await lost.wait()
            assert not hall_running.done()
            goes_on.set()
            with pytest.raises(Unreachable):
                await hall_running


async def test_a_line_that_fails_one_receiver_fails_no_other(running) -> None:
    names: list[str] = []
    served: asyncio.Queue[str] = asyncio.Queue()

    async def serve(guest: Guest) -> None:
        failed = not names
        names.append(guest.name)
        served.put_nowait(guest.name)
        if failed:
            raise Unreachable("no way to the server just now")
        await asyncio.Event().wait()

    async with await SignalingClient.connect(running.url, room="r", role="sender", viewers=3) as client:
        hall_running = asyncio.create_task(Hall(client).run(serve))
        async with await receiver(running.url), await receiver(running.url):
            first, second = await served.get(), await served.get()
            await client.renew()  # the server names them again
            assert await served.get() == first
            assert first != second
            assert not hall_running.done()
        hall_running.cancel()
        await asyncio.wait([hall_running])


async def test_a_server_of_before_lets_one_in_and_that_is_told(running, monkeypatch) -> None:
    monkeypatch.setattr(running.server._seating, "rooms", Rooms(RoomLimits(most_viewers=1), now_s=lambda: 0.0))
    async with hall(running.url, viewers=4) as (stage, _), await receiver(running.url):
        guest = await stage.came.get()
        assert stage.news == [f"the signaling server at {running.url} lets in 1 at a time, no more"]
        await guest.send(Offer("sdp", "c"))
