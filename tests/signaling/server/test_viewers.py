"""Tests of signaling.server with one sender and several receivers in a room; ends speak the bare protocol."""

import asyncio

import pytest

from signaling.protocol.messages import Answer, Bye, Candidate, Hello, Offer, PeerJoined, PeerLeft, Refused, Welcome
from signaling.server.rooms import RoomLimits


@pytest.fixture
async def stage(running, raw_end):
    """A room whose sender takes three, and what lets one more receiver in."""

    async def receiver(name: str, **more):
        return await raw_end(running.url, "r", "receiver", name, **more)

    sender = await raw_end(running.url)
    await sender.say(Hello("r", "sender", "a", secret="of a", viewers=3))
    assert await sender.hear() == Welcome(False, viewers=3)
    return sender, receiver


async def test_each_receiver_hears_only_what_is_said_to_it(stage) -> None:
    sender, receiver = stage
    first, second = await receiver("b"), await receiver("c")
    assert await first.hear() == Welcome(True, "a", viewers=3)
    assert await second.hear() == Welcome(True, "a", viewers=3)
    assert [await sender.hear(), await sender.hear()] == [PeerJoined("receiver", "b"), PeerJoined("receiver", "c")]
    await sender.say(Offer("for b", "1", to="b"))
    await sender.say(Offer("for nobody in particular", "2"))
    await sender.say(Offer("for somebody else", "3", to="z"))
    await sender.say(Candidate("", call="4", to="c"))
    await sender.say(Bye("", "5", to="b"))
    assert [await first.hear(), await first.hear()] == [Offer("for b", "1", to="b"), Bye("", "5", to="b")]
    assert await second.hear() == Candidate("", call="4", to="c")
    await second.say(Answer("of c", "6"))
    assert await sender.hear() == Answer("of c", "6")


async def test_a_receiver_that_leaves_is_named_and_its_place_is_free(stage) -> None:
    sender, receiver = stage
    ends = [await receiver(name) for name in "bcd"]
    for end in ends:
        await end.hear()
    for name in "bcd":
        assert await sender.hear() == PeerJoined("receiver", name)
    await ends[1].socket.close()
    assert await sender.hear() == PeerLeft("receiver", "c")
    again = await receiver("e")
    assert await again.hear() == Welcome(True, "a", viewers=3)
    assert await sender.hear() == PeerJoined("receiver", "e")


async def test_a_full_room_says_so(stage) -> None:
    sender, receiver = stage
    ends = [await receiver(name) for name in "bcd"]
    for name, end in zip("bcd", ends, strict=True):
        assert isinstance(await end.hear(), Welcome)
        assert await sender.hear() == PeerJoined("receiver", name)
    answering = [asyncio.create_task(end.hear()) for end in ends]  # they answer pings while they listen
    refused = await (await receiver("e")).refusal()
    assert refused == Refused("full", "room r is full: it takes 3 receivers, and all of them are there")
    assert await (await receiver("b", secret="another")).refusal() == Refused(
        "taken", "that is the name of another end"
    )
    for task in answering:
        task.cancel()


async def test_a_dead_receiver_is_replaced_by_the_next(start_server, raw_end) -> None:
    running = await start_server(probe_s=0.05)
    sender = await raw_end(running.url)
    await sender.say(Hello("r", "sender", "a", viewers=2))
    alive = await raw_end(running.url, "r", "receiver", "alive")
    dead = await raw_end(running.url, "r", "receiver", "dead", pongs=False)
    for end in (alive, dead):
        assert isinstance(await end.hear(), Welcome)
    answering = asyncio.create_task(alive.hear())  # it answers pings while it listens
    late = await raw_end(running.url, "r", "receiver", "late")
    assert isinstance(await late.hear(), Welcome)
    heard = [await sender.hear() for _ in range(5)]
    assert heard[-2:] == [PeerLeft("receiver", "dead"), PeerJoined("receiver", "late")]
    answering.cancel()


async def test_receivers_wait_for_a_sender_where_the_server_lets_them(start_server, raw_end) -> None:
    running = await start_server(limits=RoomLimits(viewers=3))
    for name in "bcd":
        end = await raw_end(running.url, "r", "receiver", name)
        assert await end.hear() == Welcome(False, viewers=3)
    sender = await raw_end(running.url)
    await sender.say(Hello("r", "sender", "a", viewers=2))
    assert await sender.hear() == Welcome(True, "b", 2, ("b", "c"))
    assert await end.refusal() == Refused("full", "the sender of room r takes 2 of the receivers")


async def test_an_older_sender_has_one_receiver_and_is_told_nothing_new(start_server, raw_end) -> None:
    running = await start_server(limits=RoomLimits(viewers=2))
    first = await raw_end(running.url, "r", "receiver", "b")
    assert await first.hear() == Welcome(False, viewers=2)
    second = await raw_end(running.url, "r", "receiver", "c")
    assert await second.hear() == Welcome(False, viewers=2)
    sender = await raw_end(running.url, "r", "sender", "a")
    assert await sender.hear() == Welcome(True, "b")
    assert (await second.refusal()).reason == "full"
    await sender.say(Offer("sdp", "1"))  # to whoever is there
    assert [await first.hear(), await first.hear()] == [PeerJoined("sender", "a"), Offer("sdp", "1")]
    await first.socket.close()
    assert await sender.hear() == PeerLeft("receiver")


async def test_a_sender_that_is_back_finds_its_receivers(stage, running, raw_end) -> None:
    sender, receiver = stage
    for name in "bc":
        assert isinstance(await (await receiver(name)).hear(), Welcome)
        await sender.hear()
    sender.break_off()
    again = await raw_end(running.url)
    await again.say(Hello("r", "sender", "a", secret="of a", viewers=3))
    assert await again.hear() == Welcome(True, "b", 3, ("b", "c"))
