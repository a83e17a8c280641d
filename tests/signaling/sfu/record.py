"""Records what a real Janus says: PYTHONPATH=. python tests/signaling/sfu/record.py writes tests/vectors/janus.jsonl.

Each line is one text of the WebSocket, with who said it. `conftest.ReplayedJanus` gives the answers again.
"""

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import aiohttp
from aiortc import RTCConfiguration, RTCPeerConnection

from benchmarks.calls.sfu.janus import Janus
from signaling.errors import SignalingError
from signaling.sfu.rooms import DISPLAY, TEXTROOM, VIDEOROOM, TextRoom, VideoRoom, key_of
from signaling.sfu.session import Handle, JanusSession
from signaling.transport.connection import answer, apply_description

VECTOR = Path(__file__).parents[2] / "vectors" / "janus.jsonl"
ROOM = 77


class NotedSocket:
    """A WebSocket whose texts are written down."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, lines: list[str]) -> None:
        self._socket, self._lines = socket, lines

    async def send_str(self, text: str) -> None:
        self._lines.append(json.dumps({"from": "us", "said": json.loads(text)}))
        await self._socket.send_str(text)

    async def receive(self) -> aiohttp.WSMessage:
        frame = await self._socket.receive()
        if frame.type is aiohttp.WSMsgType.TEXT:
            self._lines.append(json.dumps({"from": "janus", "said": json.loads(frame.data)}))
        return frame


async def refused(asking: Any) -> None:
    """Has Janus refuse."""
    try:
        await asking
    except SignalingError:
        return
    raise AssertionError("Janus did not refuse")


def connection() -> RTCPeerConnection:
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


async def publish(room: VideoRoom) -> RTCPeerConnection:
    pc = connection()
    pc.createDataChannel("facewire/sfu")
    await pc.setLocalDescription()
    await apply_description(pc, await room.publish(pc.localDescription.sdp), "answer")
    return pc


async def talk(session: JanusSession) -> None:
    """Everything that is asked of Janus, and every refusal that is told apart."""
    await session.begin()
    await session.ask({"janus": "keepalive"}, is_acked=True)
    video, text, other = [await session.attach(plugin) for plugin in (VIDEOROOM, TEXTROOM, VIDEOROOM)]
    await refused(session.attach("janus.plugin.nowhere"))
    assert await key_of(video, DISPLAY) != DISPLAY
    room, texts = VideoRoom(video, ROOM, token="pin"), TextRoom(text, ROOM, token="pin")
    await refused(room.feeds())
    await refused(texts.announce("to nobody"))
    for one in (room, texts):
        await one.create()
        await refused(one.create())
    await refused(VideoRoom(other, ROOM, token="wrong").enter())
    await refused(TextRoom(text, ROOM, token="wrong").announce("by a stranger"))
    await room.enter()
    sending = await publish(room)
    while (await video.event()).kind != "webrtcup":
        pass
    second = VideoRoom(other, ROOM, token="pin")
    await second.enter()
    late = connection()
    late.createDataChannel("facewire/sfu")
    await late.setLocalDescription()
    await refused(second.publish(late.localDescription.sdp))
    (feed,) = await room.feeds()
    watching: Handle = await session.attach(VIDEOROOM)
    seen = VideoRoom(watching, ROOM, token="pin")
    await refused(seen.subscribe(1))
    receiving = connection()
    await apply_description(receiving, await seen.subscribe(feed.id), "offer")
    receiving.createDataChannel("facewire")
    await seen.start(await answer(receiving))
    await watching.trickle({"completed": True})
    heard = connection()
    await apply_description(heard, await texts.setup(), "offer")
    heard.createDataChannel("JanusDataChannel")
    await texts.ack(await answer(heard))
    await texts.announce("hello")
    while (await watching.event()).kind != "webrtcup":
        pass
    for pc in (sending, late, receiving, heard):
        await pc.close()
    while (await watching.event()).kind != "hangup":
        pass
    await watching.detach()
    await room.destroy()
    await texts.destroy()
    await session.close()


async def record(url: str) -> list[str]:
    lines: list[str] = []
    async with aiohttp.ClientSession() as http, http.ws_connect(url, protocols=("janus-protocol",)) as socket:
        noted: Any = NotedSocket(socket, lines)
        session = JanusSession(noted, shown=url)
        reading = asyncio.create_task(session.read())
        await talk(session)
        reading.cancel()
    return lines


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, Janus(Path(folder)) as janus:
        lines = asyncio.run(record(janus.url.removeprefix("janus:")))
    VECTOR.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(lines)} lines")
    return 0


if __name__ == "__main__":
    sys.exit(main())
