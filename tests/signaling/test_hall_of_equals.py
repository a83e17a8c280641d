"""Tests of signaling.hall among equals, and of guests that leave while a call with them is being made."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiortc import RTCPeerConnection

from signaling.call import connect_peer
from signaling.client import SignalingClient
from signaling.errors import PeerGone, RoomError
from signaling.hall import Guest, Hall
from signaling.protocol.messages import Answer, Bye, Message, Offer
from signaling.retries import pause
from signaling.transport.peer import offer_channels


class Stage:
    """An equal; each guest goes into `came`, and leaves when its peer has."""

    def __init__(self, client: SignalingClient) -> None:
        self.client = client
        self.came: asyncio.Queue[Guest] = asyncio.Queue()
        self.heard: asyncio.Queue[tuple[str, Message]] = asyncio.Queue()

    async def serve(self, guest: Guest) -> None:
        self.came.put_nowait(guest)
        while guest.peer:
            self.heard.put_nowait((guest.name, await anext(guest)))


@asynccontextmanager
async def equal(url: str, *, others: int = 3):
    async with await SignalingClient.connect(url, room="r", role="equal", viewers=others) as client:
        stage = Stage(client)
        running = asyncio.create_task(Hall(client).run(stage.serve))
        yield stage
        running.cancel()
        await asyncio.wait([running])


async def test_of_two_the_one_with_the_smaller_name_offers_and_each_knows_who_speaks(running) -> None:
    async with equal(running.url) as a, equal(running.url) as b, equal(running.url) as c:
        lines: dict[tuple[str, str], Guest] = {}
        for stage in (a, b, c):
            for _ in range(2):
                guest = await stage.came.get()
                lines[stage.client.end, guest.name] = guest
        first, second, third = sorted(stage.client.end for stage in (a, b, c))
        stages = {stage.client.end: stage for stage in (a, b, c)}
        assert all(guest.role == ("sender" if own < name else "receiver") for (own, name), guest in lines.items())
        await lines[first, second].send(Offer("sdp", "1"))
        assert await stages[second].heard.get() == (first, Offer("sdp", "1", to=second, by=first))
        await lines[second, first].send(Answer("sdp", "1"))
        assert await stages[first].heard.get() == (second, Answer("sdp", "1", to=first, by=second))
        await lines[third, first].send(Bye("", "of no attempt"))
        assert await stages[first].heard.get() == (third, Bye("", "of no attempt", to=first, by=third))


@pytest.mark.parametrize(("older", "role"), [("sender", "receiver"), ("receiver", "sender")])
@pytest.mark.parametrize("is_first", [False, True])
async def test_an_older_end_is_called_as_ever(running, older, role, is_first: bool) -> None:
    async def old() -> SignalingClient:
        return await SignalingClient.connect(running.url, room="r", role=older)

    waiting = await old() if is_first else None
    async with equal(running.url) as stage, waiting or await old() as client:
        guest = await stage.came.get()
        assert (guest.name, guest.role) == (client.end, role)
        while not client.peer:
            await anext(client)
        if role == "sender":
            await guest.send(Offer("sdp", "1"))
            assert isinstance(await anext(client), Offer)
            await client.send(Answer("sdp", "1"))
            assert await stage.heard.get() == (client.end, Answer("sdp", "1"))
        else:
            await client.send(Offer("sdp", "1"))
            assert await stage.heard.get() == (client.end, Offer("sdp", "1"))
            await guest.send(Answer("sdp", "1"))
            assert isinstance(await anext(client), Answer)


async def test_a_full_room_says_so_in_words(running) -> None:
    async with equal(running.url, others=1) as a, equal(running.url, others=1) as b:
        await a.came.get()
        await b.came.get()
        with pytest.raises(RoomError, match="room r is full: it takes 2 ends, and all of them are there") as error:
            await SignalingClient.connect(running.url, room="r", role="equal", viewers=3)
        assert error.value.reason == "full"


async def test_a_guest_that_leaves_while_it_is_called_leaves_nothing_behind(running) -> None:
    ended: asyncio.Queue[str] = asyncio.Queue()
    calling: asyncio.Queue[Guest] = asyncio.Queue()

    async def serve(guest: Guest) -> None:
        calling.put_nowait(guest)
        pc = RTCPeerConnection()
        offer_channels(pc)
        with pytest.raises(PeerGone, match="left"):
            await connect_peer(pc, guest)
        ended.put_nowait(guest.role)

    async with await SignalingClient.connect(running.url, room="r", role="equal", viewers=3) as client:
        hall_running = asyncio.create_task(Hall(client).run(serve))
        roles = set()
        while len(roles) < 2:  # whether it is waited for with an offer or for one
            async with await SignalingClient.connect(running.url, room="r", role="equal", viewers=3):
                roles.add((await calling.get()).role)
            await ended.get()
        hall_running.cancel()
        await asyncio.wait([hall_running])


async def test_the_wait_for_a_guest_ends_when_it_leaves(running) -> None:
    paused: asyncio.Queue[str] = asyncio.Queue()

    async def serve(guest: Guest) -> None:
        came.set()
        await pause(guest, 1e6, sleep=asyncio.sleep)
        paused.put_nowait(guest.name)

    came = asyncio.Event()
    async with await SignalingClient.connect(running.url, room="r", role="sender", viewers=3) as client:
        hall_running = asyncio.create_task(Hall(client).run(serve))
        async with await SignalingClient.connect(running.url, room="r", role="receiver") as receiver:
            await came.wait()
        assert await paused.get() == receiver.end
        hall_running.cancel()
        await asyncio.wait([hall_running])
