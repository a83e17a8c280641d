"""Tests of what a stranger's SDP can do: each line of a real offer and answer deleted, doubled and changed."""

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription

from signaling.call import connect_peer
from signaling.client import SignalingClient
from signaling.errors import MediaRefused, PeerGone
from signaling.protocol.messages import Answer, Bye, Candidate, Offer
from signaling.transport.connection import MAX_CANDIDATES, close_connection
from signaling.transport.peer import accept_channels, offer_channels


def offering() -> RTCPeerConnection:
    """A connection as a sender makes it: a video track and three channels."""
    pc = RTCPeerConnection()
    offer_channels(pc)
    pc.addTransceiver("video", direction="sendrecv")
    return pc


def answering() -> RTCPeerConnection:
    pc = RTCPeerConnection()
    accept_channels(pc)
    return pc


async def real_offer() -> str:
    pc = offering()
    await pc.setLocalDescription()
    sdp: str = pc.localDescription.sdp
    await pc.close()
    return sdp


async def real_answer(offer: str) -> str:
    pc = answering()
    await pc.setRemoteDescription(RTCSessionDescription(offer, "offer"))
    await pc.setLocalDescription()
    sdp: str = pc.localDescription.sdp
    await pc.close()
    return sdp


def mutations(sdp: str) -> Iterator[str]:
    """Each line deleted, doubled, and changed in one of five ways: cut, digits, end, no value, a senseless one."""
    lines = sdp.splitlines()
    for i, line in enumerate(lines):
        name = line.split(":")[0].split(" ")[0]
        nines = "".join("9" if character.isdigit() else character for character in line)
        changes = (line[: len(line) // 2], nines, line[:-1] + "x", name + ":", name + ":no")
        for instead in ([], [line] * 2, [changes[i % len(changes)]]):
            yield "\r\n".join([*lines[:i], *instead, *lines[i + 1 :]]) + "\r\n"


@pytest.fixture
async def failures() -> list[dict[str, Any]]:
    """What the event loop was told of tasks that failed with nobody waiting for them."""
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))
    return told


async def quiet(failures: list[dict[str, Any]]) -> bool:
    gc.collect()  # a failed task is reported when it is forgotten
    await asyncio.sleep(0)
    return not failures


async def outcome(client: SignalingClient, pc: RTCPeerConnection) -> str:
    """Why a call with this end did not come about."""
    with pytest.raises(PeerGone) as caught:
        await connect_peer(pc, client)
    assert "\n" not in str(caught.value)
    assert pc.connectionState == "closed" or pc.signalingState == "closed"
    return str(caught.value)


async def test_no_offer_ends_a_receiver(running, raw_end, failures) -> None:
    sender = await raw_end(running.url, "r", "sender", "a")
    outcomes: list[str] = []
    async with await SignalingClient.connect(running.url, room="r", role="receiver") as client:
        for number, sdp in enumerate(mutations(await real_offer())):
            await sender.say(Offer(sdp, str(number)))
            await sender.say(Bye("next", str(number)))
            outcomes.append(await outcome(client, answering()))
    assert {"the other end hung up: next"} < set(outcomes)  # some changes do no harm
    assert sum("offer cannot be used" in reason for reason in outcomes) > 40
    assert await quiet(failures)


async def test_no_answer_ends_a_sender(running, raw_end, failures) -> None:
    receiver = await raw_end(running.url, "r", "receiver", "b")
    outcomes: list[str] = []
    async with await SignalingClient.connect(running.url, room="r", role="sender") as client:
        for sdp in mutations(await real_answer(await real_offer())):
            meeting = asyncio.create_task(outcome(client, offering()))
            while not isinstance(offer := await receiver.hear(), Offer):
                pass
            await receiver.say(Answer(sdp, offer.call))
            await receiver.say(Bye("next", offer.call))
            outcomes.append(await meeting)
    assert {"the other end hung up: next"} < set(outcomes)
    assert sum("answer cannot be used" in reason for reason in outcomes) > 40
    assert await quiet(failures)


@pytest.mark.parametrize(
    ("cut", "put", "reason"),
    [
        ("a=group:BUNDLE 0 1", "a=group:BUNDLE 7 0 1", "a bundle of media sections that are not there"),
        ("a=mid:1", "a=mid:0", "without a name"),
        ("a=sctp-port:5000", "a=sctp-port:99999", "without a port of their own"),
        ("a=sendrecv", "", "a section of video without a direction"),
        ("a=end-of-candidates", "a=candidate:1 1 udp 1 name.example 9 typ host", "not appear to be an IPv4"),
        ("a=end-of-candidates", "a=candidate:1 1 udp 1 192.0.2.1 70000 typ host", "of impossible port"),
        (
            "a=end-of-candidates",
            "\r\n".join(f"a=candidate:{i} 1 udp 1 192.0.2.1 9 typ host" for i in range(65)),
            "more than 64",
        ),
        ("a=extmap:1 ", "a=extmap:256 ", "header extension"),
        ("m=application", "m=x 9 A/B x\r\na=mid:9\r\na=ice-ufrag:x\r\na=ice-pwd:x\r\nm=application", "another kind"),
    ],
)
async def test_what_would_fail_later_is_found_before(
    running, raw_end, failures, cut: str, put: str, reason: str
) -> None:
    sender = await raw_end(running.url, "r", "sender", "a")
    async with await SignalingClient.connect(running.url, room="r", role="receiver") as client:
        offer = await real_offer()
        assert cut in offer
        await sender.say(Offer(offer.replace(cut, put, 1), "c"))
        assert reason in await outcome(client, answering())
    assert await quiet(failures)


async def test_a_reason_holds_nothing_that_moves_a_cursor(running, raw_end) -> None:
    sender = await raw_end(running.url, "r", "sender", "a")
    async with await SignalingClient.connect(running.url, room="r", role="receiver") as client:
        offer = (await real_offer()).replace("a=sctp-port:5000", "a=sctp-port:\x1b[2J" + "9" * 3000)
        await sender.say(Offer(offer, "c"))
        reason = await outcome(client, answering())
    assert reason.isprintable()
    assert len(reason) < 250


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ([("m=video 9 ", "m=video 0 ")], {"video"}),
        ([("H264/90000", "VP9/90000"), ("VP8/90000", "VP9/90000")], {"video"}),
        ([("m=application 9 ", "m=application 0 ")], {"application"}),
    ],
)
async def test_an_answer_that_declines_is_told_from_one_that_makes_no_sense(
    running, raw_end, changes: list[tuple[str, str]], kinds: set[str]
) -> None:
    receiver = await raw_end(running.url, "r", "receiver", "b")
    async with await SignalingClient.connect(running.url, room="r", role="sender") as client:
        meeting = asyncio.create_task(connect_peer(pc := offering(), client))
        while not isinstance(offer := await receiver.hear(), Offer):
            pass
        lines = (await real_answer(offer.sdp)).splitlines(keepends=True)
        ports = [
            " ".join([*line.split(" ")[:1], "9", *line.split(" ")[2:]]) if line[:2] == "m=" else line for line in lines
        ]
        sdp = "".join(ports)
        for cut, put in changes:
            assert cut in sdp
            sdp = sdp.replace(cut, put)
        await receiver.say(Answer(sdp, offer.call))
        with pytest.raises(MediaRefused) as caught:
            await meeting
    assert caught.value.kinds == kinds
    assert str(caught.value).startswith("the other end takes no ")
    assert pc.signalingState == "closed"


async def test_candidates_trickled_without_end_are_not_all_taken(running, raw_end, monkeypatch) -> None:
    taken: list[Any] = []
    sender = await raw_end(running.url, "r", "sender", "a")

    class Counting(RTCPeerConnection):
        async def addIceCandidate(self, candidate: Any) -> None:
            taken.append(candidate)

    async with await SignalingClient.connect(running.url, room="r", role="receiver") as client:
        pc = Counting()
        accept_channels(pc)
        await sender.say(Offer(await real_offer(), "c"))
        for port in range(1, 2 * MAX_CANDIDATES):
            await sender.say(Candidate(f"candidate:1 1 udp 1 192.0.2.1 {port} typ host", "0", 0, "c"))
        await sender.say(Bye("", "c"))
        assert await outcome(client, pc) == "the other end hung up"
    assert len(taken) == MAX_CANDIDATES


async def test_a_connection_that_aiortc_cannot_close_is_closed_and_holds_nothing() -> None:
    pc = answering()
    offer = await real_offer()
    # The second section's bundle is led by one that is not there: aiortc leaves it without a transport.
    lame = offer.replace("a=group:BUNDLE 0 1", "a=group:BUNDLE 7 1")
    await pc.setRemoteDescription(RTCSessionDescription(lame, "offer"))
    with pytest.raises(AttributeError):
        await pc.setLocalDescription()
    held = [transceiver.receiver.transport for transceiver in pc.getTransceivers()]
    await close_connection(pc)
    await close_connection(pc)  # aiortc's own second close would wait for good
    assert [transport.transport.state for transport in held] == ["closed"]
    await asyncio.sleep(0)
