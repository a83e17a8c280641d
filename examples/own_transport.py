"""A face over a transport of your own: both ends in one process, three channels over one TCP connection.

A `Channel` (signaling/transport/channels.py) is all that a sender and a receiver ask of a transport: whole messages,
how many bytes wait, and when it opens and closes. `ChannelCallbacks` is its receiving half, ready made. Here a message
is its channel's number, its length and its bytes. A transport that keeps all in order makes motion wait for what was
lost before it, which WebRTC's does not.
"""

import argparse
import asyncio
import struct
import sys
from collections import deque
from collections.abc import Sequence

from aiortc import MediaStreamTrack
from aiortc.contrib.media import MediaPlayer
from av import VideoFrame

from facewire import Channels, FaceReceiver, FaceSender, SenderOptions
from sender.attach import make_worker
from sender.capture import Capture, TrackSource
from signaling.errors import PeerGone
from signaling.transport.channels import ChannelCallbacks, check_message

KINDS = ("reference", "motion", "control")
HEADER = struct.Struct(">BH")  # number of the channel, length


class LineChannel(ChannelCallbacks):
    """One of the channels of a line."""

    def __init__(self, line: "Line", number: int) -> None:
        super().__init__()
        self._line = line
        self._number = number
        self.label = f"facewire/tcp/{KINDS[number]}"
        self.buffered_amount = 0

    @property
    def is_open(self) -> bool:
        return self._line.is_open

    def send(self, data: bytes) -> None:
        check_message(data)
        if not self.is_open:
            raise PeerGone(f"{self.label} is not open")
        self.buffered_amount += len(data)
        self._line.put(self, HEADER.pack(self._number, len(data)) + data)

    def sent(self, size: int) -> None:
        """So many bytes of messages have left."""
        self.buffered_amount -= size

    def close(self) -> None:
        self._line.close()


class Line:
    """One end of a TCP connection with its channels. `run` works until either end closes it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        writer.transport.set_write_buffer_limits(0)  # what waits, waits here, where it is counted
        self._waiting: deque[tuple[LineChannel, bytes]] = deque()
        self._news = asyncio.Event()
        self.is_open = True
        self._list = [LineChannel(self, number) for number in range(len(KINDS))]
        self.channels = Channels(*self._list)

    def put(self, channel: LineChannel, frame: bytes) -> None:
        """Queues one framed message."""
        self._waiting.append((channel, frame))
        self._news.set()

    def close(self) -> None:
        """Closes all three: they share the connection."""
        if self.is_open:
            self.is_open = False
            self._news.set()
            self._writer.close()
            for channel in self._list:
                channel.tell(False)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(self._write())
            await self._read()
            self.close()
            writing.cancel()

    async def _read(self) -> None:
        try:
            while True:
                number, length = HEADER.unpack(await self._reader.readexactly(HEADER.size))
                self._list[number].hear(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # the other end closed, or we did

    async def _write(self) -> None:
        while self.is_open:
            await self._news.wait()
            self._news.clear()
            while self._waiting and self.is_open:
                channel, frame = self._waiting.popleft()
                channel.sent(len(frame) - HEADER.size)
                self._writer.write(frame)
                await self._writer.drain()


async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, camera: MediaStreamTrack) -> None:
    """The sending end of a line: keypoints alone, as there is no place for an H.264 track."""
    line, options = Line(reader, writer), SenderOptions(mode="keypoints")
    face = FaceSender(line.channels, Capture(TrackSource(camera)), worker=make_worker(options), options=options)
    async with asyncio.TaskGroup() as group:
        group.create_task(line.run())
        await face.run()  # until the other end closes the line
        line.close()


async def receive(port: int, *, pictures: int) -> list[VideoFrame]:
    """The receiving end: so many pictures."""
    line = Line(*await asyncio.open_connection("127.0.0.1", port))
    async with asyncio.TaskGroup() as group:
        group.create_task(line.run())
        async with FaceReceiver(line.channels) as face:
            shown = [await face.track.recv() for _ in range(pictures)]
        line.close()
    return shown


async def run(clip: str, *, pictures: int) -> list[VideoFrame]:
    """Both ends of one call."""
    camera = MediaPlayer(clip).video
    assert camera is not None, "no video in it"
    lines: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    server = await asyncio.start_server(lambda *line: lines.put_nowait(line), "127.0.0.1", 0)
    receiving = asyncio.create_task(receive(server.sockets[0].getsockname()[1], pictures=pictures))
    await send(*await lines.get(), camera)
    shown = await receiving
    server.close()
    camera.stop()
    return shown


def main(arguments: Sequence[str] | None = None) -> int:
    """The program."""
    parser = argparse.ArgumentParser(description="A face over three channels of one TCP connection.")
    parser.add_argument("clip", help="what the camera shows")
    parser.add_argument("--pictures", type=int, default=50)
    options = parser.parse_args(arguments)
    for frame in asyncio.run(run(options.clip, pictures=options.pictures)):
        print(f"{frame.width}x{frame.height} at {frame.time:.2f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
