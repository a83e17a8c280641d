"""Tests of the sender as a program against receivers that refuse: all of it, H.264, or data channels."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription

from sender import __main__ as program
from sender.options import CallOptions, SenderOptions
from sender.terminal import Display
from signaling.client import SignalingClient
from signaling.protocol.messages import Answer, Offer
from signaling.retries import Retries
from signaling.server import SignalingServer, listening
from signaling.transport.peer import accept_channels

pytestmark = pytest.mark.usefixtures("cheap_codec")


class Kept(Display):
    """Keeps what would be printed."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    def show(self, figures: Any) -> None:
        pass

    def summary(self, figures: Any) -> None:
        pass


class Meeting:
    """A sender program that runs, with the pauses it made, and a receiver in its room that the test speaks for."""

    def __init__(self, client: SignalingClient, display: Kept, pauses: list[float]) -> None:
        self.client = client
        self.display = display
        self.pauses = pauses

    async def offer(self) -> Offer:
        while not isinstance(message := await anext(self.client), Offer):
            pass
        return message

    async def answer(self, offer: Offer, pc: RTCPeerConnection, *, reject: str = "") -> None:
        """A whole answer, or one in which the sections of a kind are rejected (RFC 3264, 6)."""
        await pc.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
        await pc.setLocalDescription()
        lines = pc.localDescription.sdp.splitlines(keepends=True)
        rejected = [
            " ".join([line.split(" ")[0], "0", *line.split(" ")[2:]])
            if reject and line.startswith(f"m={reject}")
            else line
            for line in lines
        ]
        await self.client.send(Answer("".join(rejected), offer.call))


@asynccontextmanager
async def meeting(clip: Path, coding: SenderOptions) -> AsyncIterator[Meeting]:
    display, pauses = Kept(), []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    async with listening(SignalingServer(), host="127.0.0.1", port=0) as url:
        options = CallOptions(signal=url, input=str(clip), loop=True)
        retries = Retries(first_s=0.5, longest_s=8.0, draw=lambda: 1.0)
        async with await SignalingClient.connect(url, room="facewire", role="receiver") as client:
            running = asyncio.create_task(program.Program(options, coding, display, retries=retries, sleep=sleep).run())
            yield Meeting(client, display, pauses)
            running.cancel()
            await asyncio.wait([running])


async def test_answers_that_cannot_be_used_are_answered_with_fewer_and_fewer_offers(clip: Callable[..., Path]) -> None:
    async with meeting(clip(), SenderOptions()) as met:
        for _ in range(7):
            await met.client.send(Answer("v=0\r\n", (await met.offer()).call))
        await met.offer()
    assert met.pauses == [0.5, 1.0, 1.0, 1.0, 1.0, 3.0, 1.0, 7.0, 1.0, 7.0, 1.0, 7.0]  # the first second apart
    reasons = [line for line in met.display.lines if "cannot be used" in line]
    assert reasons == ["the other end's answer cannot be used: 0 media sections, not 1 to 32; waiting for a receiver"]


async def test_a_receiver_without_h264_gets_keypoints_alone(clip: Callable[..., Path]) -> None:
    async with meeting(clip(), SenderOptions(mode="compare")) as met:
        first, second = RTCPeerConnection(), RTCPeerConnection()
        offer = await met.offer()
        assert offer.sdp.count("m=video") == 1
        await met.answer(offer, first, reject="video")
        channels = accept_channels(second)
        motion: asyncio.Queue[bytes] = asyncio.Queue()
        channels.motion.set_receiver(motion.put_nowait)
        offer = await met.offer()
        assert (offer.sdp.count("m=video"), offer.sdp.count("m=application")) == (0, 1)
        await met.answer(offer, second)
        assert await motion.get()
        for pc in (first, second):
            await pc.close()
    assert "the other end takes no video: it gets keypoints alone" in met.display.lines
    assert met.pauses == []


async def test_a_receiver_without_data_channels_gets_h264_alone(clip: Callable[..., Path]) -> None:
    async with meeting(clip(), SenderOptions()) as met:
        first, second = RTCPeerConnection(), RTCPeerConnection()
        await met.answer(await met.offer(), first, reject="application")
        tracks: asyncio.Queue[MediaStreamTrack] = asyncio.Queue()
        second.on("track", tracks.put_nowait)
        offer = await met.offer()
        assert (offer.sdp.count("m=video"), offer.sdp.count("m=application")) == (1, 0)
        await met.answer(offer, second)
        track = await tracks.get()
        assert [(await track.recv()).width for _ in range(3)] == [256] * 3  # type: ignore[union-attr]
        for pc in (first, second):
            await pc.close()
    assert "the other end takes no data channels: it gets H.264 alone" in met.display.lines


@pytest.mark.parametrize(
    ("mode", "kind", "name"), [("h264", "video", "video"), ("keypoints", "application", "data channels")]
)
async def test_a_receiver_that_takes_nothing_that_can_be_sent_is_told_of_and_tried_again_later(
    clip: Callable[..., Path], mode: Any, kind: str, name: str
) -> None:
    async with meeting(clip(), SenderOptions(mode=mode)) as met:
        for _ in range(2):
            pc = RTCPeerConnection()
            await met.answer(await met.offer(), pc, reject=kind)
            await pc.close()
        await met.offer()
    told = f"the other end takes no {name}, and --mode {mode} sends nothing else; waiting for a receiver"
    assert met.display.lines.count(told) == 1
    assert met.pauses[:2] == [0.5, 1.0]
