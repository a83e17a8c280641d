"""Several faces and an application's own tracks on one connection: each goes where it belongs, with the real codec."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiortc import MediaStreamTrack, RTCPeerConnection
from aiortc.mediastreams import MediaStreamError

from facewire import ReceiverOptions, SenderOptions, receive_face, send_face
from signaling.protocol.messages import Capabilities, Message, ModeSwitch, decode, encode
from signaling.transport.peer import accept_channels

Connect = Callable[[RTCPeerConnection, RTCPeerConnection], Awaitable[None]]
Pair = tuple[RTCPeerConnection, RTCPeerConnection]
PATIENCE_S = 100
DARK = 45  # mean level between that of the shaded film and that of the other
ONE_THREAD = {"threads": 1}


async def brightness(track: MediaStreamTrack, *, frames: int = 3) -> float:
    """Mean level of the newest of some pictures of a track."""
    for _ in range(frames):
        frame: Any = await track.recv()
    return float(frame.to_ndarray(format="rgb24").mean())


@pytest.mark.parametrize("mode", ["keypoints", "h264"])
@pytest.mark.parametrize("camera_first", [True, False])
async def test_an_apps_own_camera_is_never_taken_for_the_face(
    film: Any, connected: Connect, pair: Pair, mode: Any, camera_first: bool
) -> None:
    """Both ends have a camera track of their own beside the face; the face's film is dark, the cameras' are bright."""
    here, there = pair
    if camera_first:
        here.addTrack(film())
    sender = send_face(here, film(shade=2), SenderOptions(mode=mode, **ONE_THREAD))
    if not camera_first:
        here.addTrack(film())
    there.addTrack(film())
    tracks: asyncio.Queue[MediaStreamTrack] = asyncio.Queue()
    there.on("track", tracks.put_nowait)
    receiver = receive_face(there, ReceiverOptions(**ONE_THREAD))
    async with asyncio.timeout(PATIENCE_S):
        await connected(here, there)
        async with sender, receiver:
            face = await brightness(receiver.track)
            assert face < DARK
            assert sender.mode == mode
            seen = [await tracks.get() for _ in range(1 if mode == "keypoints" else 2)]
            camera = seen[0 if camera_first else -1]
            assert await brightness(camera, frames=1) > DARK, "the application still has its camera"


async def test_a_sender_and_a_receiver_share_a_connection_both_ways(film: Any, connected: Connect, pair: Pair) -> None:
    """The two-way call: each end sends one face and shows the other, keypoints one way, H.264 the other."""
    here, there = pair
    sent = send_face(here, film(shade=2), SenderOptions(mode="keypoints", **ONE_THREAD))
    seen = receive_face(here, ReceiverOptions(**ONE_THREAD), offers=True)  # a place for the H.264 that comes back
    sent_back = send_face(there, film(), SenderOptions(mode="h264", **ONE_THREAD))
    seen_there = receive_face(there, ReceiverOptions(**ONE_THREAD))
    async with asyncio.timeout(PATIENCE_S):
        await connected(here, there)
        async with sent, seen, sent_back, seen_there:
            dark, bright = await asyncio.gather(brightness(seen_there.track), brightness(seen.track))
    assert dark < DARK < bright


async def test_two_faces_in_one_direction_are_told_apart_by_name(film: Any, connected: Connect, pair: Pair) -> None:
    here, there = pair
    options = SenderOptions(mode="keypoints", **ONE_THREAD)
    senders = [send_face(here, film(shade=shade), options, stream=f"film{shade}") for shade in (0, 2)]
    receivers = [receive_face(there, ReceiverOptions(**ONE_THREAD), stream=f"film{shade}") for shade in (2, 0)]
    async with asyncio.timeout(PATIENCE_S):
        await connected(here, there)
        async with senders[0], senders[1], receivers[0], receivers[1]:
            dark, bright = await asyncio.gather(*(brightness(receiver.track) for receiver in receivers))
    assert dark < DARK < bright


async def test_the_receiving_end_may_offer(film: Any, connected: Connect, pair: Pair) -> None:
    here, there = pair
    receiver = receive_face(there, ReceiverOptions(**ONE_THREAD), offers=True)
    sender = send_face(here, film(), SenderOptions(mode="compare", **ONE_THREAD))
    async with asyncio.timeout(PATIENCE_S):
        await connected(there, here)
        async with sender, receiver:
            assert await brightness(receiver.track) > DARK


async def test_a_connection_that_goes_ends_both_ends_and_the_track(film: Any, connected: Connect, pair: Pair) -> None:
    here, there = pair
    sender = send_face(here, film(), SenderOptions(mode="keypoints", **ONE_THREAD))
    receiver = receive_face(there, ReceiverOptions(**ONE_THREAD))
    async with asyncio.timeout(PATIENCE_S):
        await connected(here, there)
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(end.run()) for end in (sender, receiver)]
            await receiver.track.recv()
            await there.close()
            await asyncio.wait(running)
        assert sender.ended == "the receiver is gone"
        with pytest.raises(MediaStreamError):
            await receiver.track.recv()


async def test_ends_that_cannot_understand_each_other_say_why_and_h264_carries_the_call(
    film: Any, connected: Connect, pair: Pair
) -> None:
    """What each says it can decides it, before keypoints are sent in vain."""
    here, there = pair
    sender = send_face(here, film(), SenderOptions(**ONE_THREAD), stream="face")
    channels = accept_channels(there, stream="face")
    said: asyncio.Queue[Message] = asyncio.Queue()
    channels.control.set_receiver(lambda data: said.put_nowait(decode(data)))
    async with asyncio.timeout(PATIENCE_S):
        await connected(here, there)
        async with sender:
            peer = await said.get()
            assert isinstance(peer, Capabilities)
            channels.control.send(encode(Capabilities("receiver", bitstreams=(99,))))
            while not isinstance(message := await said.get(), ModeSwitch) or message.mode != "h264":
                pass
            assert sender.refusal == f"the sender has bitstream version {peer.bitstreams[0]}, the receiver 99"
            assert sender.mode == "h264"
