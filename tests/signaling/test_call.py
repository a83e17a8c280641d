"""Tests of signaling.call: aiortc peers in one process meet through a real server, over loopback."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription

from signaling.call import Call, connect_peer
from signaling.client import SignalingClient
from signaling.errors import PeerGone
from signaling.protocol.messages import Answer, Bye, Candidate, Offer, PeerJoined, Role, Welcome
from signaling.transport.channels import Channel, Channels
from signaling.transport.peer import accept_channels, offer_channels


class End:
    """A sender or a receiver: its client, and the latest connection it opened."""

    def __init__(self, client: SignalingClient) -> None:
        self.client = client

    async def meet(self) -> Call:
        self.pc = RTCPeerConnection()
        self.channels = (offer_channels if self.client.role == "sender" else accept_channels)(self.pc, stream="face")
        self.inbox: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        for channel in each(self.channels):
            channel.set_receiver(lambda data, label=channel.label: self.inbox.put_nowait((label, data)))
        return await connect_peer(self.pc, self.client)


def each(channels: Channels) -> tuple[Channel, Channel, Channel]:
    return channels.reference, channels.motion, channels.control


async def opened(channels: Channels) -> None:
    """Waits until all three channels are open."""
    for channel in each(channels):
        event = asyncio.Event()
        channel.set_state(lambda is_open, event=event: event.set() if is_open else None)
        await event.wait()


async def meet(*ends: End) -> list[Call]:
    calls = await asyncio.gather(*(end.meet() for end in ends))
    await asyncio.gather(*(opened(end.channels) for end in ends))
    return list(calls)


async def enter(url: str, role: Role) -> End:
    return End(await SignalingClient.connect(url, room="r", role=role))


@pytest.fixture
async def ends(running) -> AsyncIterator[tuple[End, End]]:
    sender, receiver = await enter(running.url, "sender"), await enter(running.url, "receiver")
    yield sender, receiver
    for end in (sender, receiver):
        await end.client.close()


async def test_three_channels_carry_both_ways_and_a_call_can_follow_a_call(ends) -> None:
    sender, receiver = ends
    for _ in range(2):
        sending, receiving = await meet(sender, receiver)
        for here, there in ((sender, receiver), (receiver, sender)):
            for channel in each(here.channels):
                channel.send(channel.label.encode())
            arrived = [await there.inbox.get() for _ in range(3)]
            assert sorted(arrived) == [(channel.label, channel.label.encode()) for channel in sorted_by_label(here)]
        await sending.close("done")
        # The bye and the end of the connection come by different ways; either may be first.
        assert await receiving.ended() in ("the other end hung up: done", "the other end closed the connection")
        await receiving.close()
        assert not receiver.channels.is_open
        with pytest.raises(PeerGone):
            receiver.channels.control.send(b"x")


def sorted_by_label(end: End) -> list[Channel]:
    return sorted(each(end.channels), key=lambda channel: channel.label)


async def test_what_waits_is_counted_on_its_channel(ends) -> None:
    sender, receiver = ends
    await meet(sender, receiver)
    for _ in range(10):
        sender.channels.reference.send(bytes(1000))
    sender.channels.motion.send(bytes(50))
    assert sender.channels.reference.buffered_amount == 10_000
    assert sender.channels.queued_bytes == 10_050
    for _ in range(11):
        await receiver.inbox.get()
    assert sender.channels.queued_bytes == 0
    for end in ends:
        await end.pc.close()


async def test_an_end_that_vanishes_is_noticed_and_its_successor_is_met(running) -> None:
    sender, first = await enter(running.url, "sender"), await enter(running.url, "receiver")
    call, _ = await meet(sender, first)
    await first.client.close()  # no bye: the process is gone, and its connection falls silent
    assert await call.ended() == "the other end left"
    await call.close()
    second = await enter(running.url, "receiver")
    call, _ = await meet(sender, second)
    await second.pc.close()
    assert await call.ended() == "the other end closed the connection"
    await call.close()
    for end in (sender, first, second):
        await end.client.close()
    await first.pc.close()


async def test_a_call_where_nothing_comes_is_made_anew_while_both_reach_the_server(
    ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender, receiver = ends
    sending, receiving = await meet(sender, receiver)

    async def none(pc: RTCPeerConnection) -> int:
        return 7

    monkeypatch.setattr("signaling.call.packets_received", none)
    monkeypatch.setattr("signaling.call.LOOK_S", 0.01)
    monkeypatch.setattr("signaling.call._SIGN_S", 0.05)
    monkeypatch.setattr("signaling.transport.silence.DOUBT_S", 0.02)
    monkeypatch.setattr("signaling.transport.silence.DEAD_S", 0.05)
    asked, told = asyncio.Event(), []
    sending.probe, sending.news = asked.set, told.append
    listening = asyncio.create_task(receiving.ended())
    assert await sending.ended() == "the way to the other end has gone; calling it anew"
    assert asked.is_set()
    assert told[0].startswith("the call goes directly")
    assert told[1].startswith("nothing has come from the other end")
    monkeypatch.undo()
    await sending.close()
    assert await listening in ("the other end calls anew", "the other end closed the connection")
    await receiving.close()
    sending, receiving = await meet(sender, receiver)
    sender.channels.motion.send(b"x")
    assert await receiver.inbox.get() == (receiver.channels.motion.label, b"x")
    await sending.close()
    await receiving.close()


async def test_an_offer_that_nobody_hears_is_made_again(running, raw_end, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signaling.call._OFFER_AGAIN_S", 0.05)
    sender = await enter(running.url, "sender")
    meeting = asyncio.create_task(sender.meet())
    receiver = await raw_end(running.url, "r", "receiver", "b")
    assert isinstance(await receiver.hear(), Welcome)
    offers = [await receiver.hear() for _ in range(3)]
    assert all(isinstance(offer, Offer) for offer in offers)
    assert len({offer.call for offer in offers}) == 1
    meeting.cancel()
    await asyncio.wait([meeting])
    await sender.client.close()


async def test_a_call_outlives_the_server(start_server) -> None:
    running = await start_server()
    sender, receiver = await enter(running.url, "sender"), await enter(running.url, "receiver")
    call, other = await meet(sender, receiver)
    await start_server.stack.aclose()
    async with asyncio.TaskGroup() as group:
        ended = group.create_task(call.ended())
        sender.channels.motion.send(b"still here")
        assert await receiver.inbox.get() == ("facewire/face/motion", b"still here")
        assert not ended.done()
        await other.close()
        assert await ended == "the other end closed the connection"
    await call.close()
    for end in (sender, receiver):
        await end.client.close()


@pytest.mark.parametrize("steps", range(8))
async def test_a_wait_that_is_given_up_loses_no_message(running, steps: int) -> None:
    client = await SignalingClient.connect(running.url, room="r", role="sender")
    assert await anext(client) == Welcome(False)
    client.put_back(Bye("soon"))
    pc = RTCPeerConnection()
    waiting = asyncio.create_task(Call(pc, client).ended())
    for _ in range(steps):
        await asyncio.sleep(0)  # one turn of the event loop
    waiting.cancel()
    await asyncio.wait([waiting])
    if waiting.cancelled():
        assert await anext(client) == Bye("soon")
    else:
        assert waiting.result() == "the other end hung up: soon"
    await pc.close()
    await client.close()


async def test_trickled_candidates_are_taken(ends) -> None:
    sender, other = ends[0], ends[1].client
    pc = RTCPeerConnection()
    channels = accept_channels(pc)
    async with asyncio.TaskGroup() as group:
        meeting = group.create_task(sender.meet())
        while not isinstance(offer := await anext(other), Offer):
            pass
        await pc.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
        await pc.setLocalDescription()
        lines = pc.localDescription.sdp.splitlines(keepends=True)
        candidates = [line.strip() for line in lines if line.startswith("a=candidate:")]
        bare = "".join(line for line in lines if "candidate" not in line)
        await other.send(Answer(bare, offer.call))
        await other.send(Candidate("candidate:nonsense", "0", 0, offer.call))
        await other.send(Candidate("candidate:1 1 udp 1 192.0.2.1 9 typ host", None, None, offer.call))
        for candidate in candidates:
            await other.send(Candidate(candidate.removeprefix("a="), "0", 0, offer.call))
        await other.send(Candidate("", "0", 0, offer.call))
        call = await meeting
    await asyncio.gather(opened(channels), opened(sender.channels))
    assert bare.count("m=application") == 1
    await call.close()
    await pc.close()


async def test_an_answer_to_an_earlier_offer_is_passed_over(running, raw_end) -> None:
    sender = await enter(running.url, "sender")
    meeting = asyncio.gather(sender.meet(), return_exceptions=True)
    first = await raw_end(running.url, "r", "receiver", "b1")
    assert isinstance(await first.hear(), Welcome)
    stale = await first.hear()
    assert isinstance(stale, Offer)
    await first.socket.close()
    second = await raw_end(running.url, "r", "receiver", "b2")
    assert isinstance(await second.hear(), Welcome)
    fresh = await second.hear()
    assert isinstance(fresh, Offer)
    assert fresh.call != stale.call
    await second.say(Answer("of another attempt", stale.call))
    await second.say(Answer("of this attempt", fresh.call))
    (outcome,) = await meeting
    assert isinstance(outcome, PeerGone)
    assert str(outcome).startswith("the other end's answer cannot be used")
    assert sender.pc.connectionState == "closed"
    await sender.client.close()


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        (Bye("busy"), "the other end hung up: busy"),
        (Bye("\x1b]0;owned\x07\r\nfake: line\u202e"), "the other end hung up: ]0;owned fake: line"),
        (Offer("sdp", "another"), "the other end calls anew"),
        (None, "the other end left"),
    ],
)
async def test_an_end_that_goes_while_connecting_is_gone(
    running, raw_end, word: Bye | Offer | None, reason: str
) -> None:
    sender = await raw_end(running.url, "r", "sender", "a")
    receiver = await enter(running.url, "receiver")
    elsewhere = RTCPeerConnection()
    offer_channels(elsewhere)
    await elsewhere.setLocalDescription()
    assert isinstance(await sender.hear(), Welcome)
    assert isinstance(await sender.hear(), PeerJoined)
    await sender.say(Offer(elsewhere.localDescription.sdp, "c"))
    meeting = asyncio.gather(receiver.meet(), return_exceptions=True)
    assert isinstance(await sender.hear(), Answer)
    if word is not None:
        await sender.say(word)
    await sender.socket.close()
    (outcome,) = await meeting
    assert isinstance(outcome, PeerGone)
    assert str(outcome) == reason
    if isinstance(word, Offer):
        assert await anext(receiver.client) == word
    await elsewhere.close()
    await receiver.client.close()
