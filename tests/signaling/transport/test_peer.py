"""Tests of signaling.transport.peer: the channels' settings, and ICE servers as they are written on a command line."""

import pytest
from aiortc import RTCPeerConnection

from signaling.errors import MessageError, PeerGone
from signaling.transport.peer import ice_configuration, open_channels


async def test_channels_are_named_and_closed_until_the_connection_is_there() -> None:
    pc = RTCPeerConnection()
    channels = open_channels(pc)
    labels = [channel.label for channel in (channels.reference, channels.motion, channels.control)]
    assert labels == ["facewire/reference", "facewire/motion", "facewire/control"]
    assert (channels.is_open, channels.queued_bytes) == (False, 0)
    with pytest.raises(PeerGone, match="facewire/motion is not open"):
        channels.motion.send(b"x")
    with pytest.raises(MessageError):
        channels.motion.send(bytes(1201))
    await pc.close()


async def test_only_one_set_of_channels_fits_a_connection() -> None:
    pc = RTCPeerConnection()
    open_channels(pc)
    with pytest.raises(ValueError, match="already registered"):
        open_channels(pc)
    await pc.close()


async def test_channels_join_those_of_the_application() -> None:
    pc = RTCPeerConnection()
    pc.addTransceiver("video")
    pc.createDataChannel("chat")
    open_channels(pc)
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
