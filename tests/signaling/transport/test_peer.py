"""Tests of signaling.transport.peer: the channels' settings, and ICE servers as they are written on a command line."""

import asyncio
from typing import Any

import pytest
from aiortc import RTCPeerConnection, rtcsctptransport

from signaling.errors import MessageError, PeerGone
from signaling.transport.channels import Channels
from signaling.transport.costs import MAX_MESSAGE_BYTES
from signaling.transport.peer import accept_channels, ice_configuration, offer_channels


async def test_channels_are_named_and_closed_until_the_connection_is_there() -> None:
    pc = RTCPeerConnection()
    for channels in (offer_channels(pc, stream="face"), accept_channels(pc, stream="face")):
        labels = [channel.label for channel in (channels.reference, channels.motion, channels.control)]
        assert labels == ["facewire/face/reference", "facewire/face/motion", "facewire/face/control"]
        assert (channels.is_open, channels.queued_bytes) == (False, 0)
        with pytest.raises(PeerGone, match="facewire/face/motion is not open"):
            channels.motion.send(b"x")
        with pytest.raises(MessageError):
            channels.motion.send(bytes(MAX_MESSAGE_BYTES + 1))
    with pytest.raises(ValueError, match="no slash"):
        offer_channels(pc, stream="a/b")
    await pc.close()


def test_a_message_of_ours_is_one_packet_of_aiortc() -> None:
    assert MAX_MESSAGE_BYTES == rtcsctptransport.USERDATA_MAX_LENGTH


async def heard(channels: Channels) -> bytes:
    """The next message on the reference channel."""
    inbox: asyncio.Queue[bytes] = asyncio.Queue()
    channels.reference.set_receiver(inbox.put_nowait)
    return await inbox.get()


async def opened(channels: Channels) -> None:
    for channel in (channels.reference, channels.motion, channels.control):
        event = asyncio.Event()
        channel.set_state(lambda is_open, event=event: event.set() if is_open else None)
        await event.wait()


async def test_a_connection_carries_several_streams_in_both_directions(connect: Any) -> None:
    here, there = RTCPeerConnection(), RTCPeerConnection()
    sent = {name: offer_channels(here, stream=name) for name in ("camera", "screen")}
    back = offer_channels(there)
    taken = {name: accept_channels(there, stream=name) for name in ("screen", "camera")}
    taken_back = accept_channels(here)
    async with asyncio.timeout(30):
        await connect(here, there)
        await asyncio.gather(*map(opened, (*sent.values(), back, *taken.values(), taken_back)))
        for name, channels in sent.items():
            channels.reference.send(name.encode())
        back.reference.send(b"back")
        assert await heard(taken["camera"]) == b"camera"
        assert await heard(taken["screen"]) == b"screen"
        assert await heard(taken_back) == b"back"
    await here.close()
    await there.close()


async def test_unnamed_streams_go_one_each_to_unnamed_receivers_and_the_apps_channels_to_nobody(connect: Any) -> None:
    here, there = RTCPeerConnection(), RTCPeerConnection()
    here.createDataChannel("chat")
    sent = [offer_channels(here), offer_channels(here)]
    taken = [accept_channels(there), accept_channels(there), accept_channels(there)]
    async with asyncio.timeout(30):
        await connect(here, there)
        await asyncio.gather(*map(opened, [*sent, *taken[:2]]))
        for number, channels in enumerate(sent):
            channels.reference.send(bytes([number + 1]))
        assert {await heard(channels) for channels in taken[:2]} == {b"\1", b"\2"}
        assert not taken[2].is_open
        states: asyncio.Queue[bool] = asyncio.Queue()
        taken[2].control.set_state(states.put_nowait)
        await there.close()
        assert await states.get() is False, "a connection that ends, ends what never opened"
    await here.close()


async def test_the_receiving_end_may_make_the_offer(connect: Any) -> None:
    receiving, sending = RTCPeerConnection(), RTCPeerConnection()
    taken = [accept_channels(receiving, offers=True), accept_channels(receiving, offers=True)]
    sent = offer_channels(sending)
    async with asyncio.timeout(30):
        await connect(receiving, sending)
        await asyncio.gather(opened(sent), opened(taken[0]))
        sent.reference.send(b"x")
        assert await heard(taken[0]) == b"x"
    await receiving.close()
    await sending.close()


async def test_channels_join_those_of_the_application() -> None:
    pc = RTCPeerConnection()
    pc.addTransceiver("video")
    pc.createDataChannel("chat")
    offer_channels(pc)
    offer = await pc.createOffer()
    assert offer.sdp.count("m=") == 2
    await pc.close()


def test_ice_servers_are_those_that_were_named() -> None:
    assert ice_configuration().iceServers == []
    stun, turn, turns = (
        ice_configuration(
            stun=["stun:stun.example.org"],
            turn=["turn:me:p%40ss@turn.example.org:3478?transport=tcp", "turns://me:a:b@turn.example.org"],
        ).iceServers
        or []
    )
    assert stun.urls == "stun:stun.example.org"
    assert (turn.urls, turn.username, turn.credential) == ("turn:turn.example.org:3478?transport=tcp", "me", "p@ss")
    assert (turns.urls, turns.username, turns.credential) == ("turns:turn.example.org", "me", "a:b")


@pytest.mark.parametrize("url", ["", "stun.example.org", "stun:", "turn:stun.example.org", "http://stun.example.org"])
def test_what_is_no_stun_server_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not a STUN server"):
        ice_configuration(stun=[url])


@pytest.mark.parametrize(
    "url", ["", "turn:host", "turn:user@host", "turn:user:@", "turn::password@host", "stun:a:b@host"]
)
def test_what_is_no_turn_server_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match="not a TURN server") as refusal:
        ice_configuration(turn=[url])
    assert "password" not in str(refusal.value).replace("USER:PASSWORD", "")
