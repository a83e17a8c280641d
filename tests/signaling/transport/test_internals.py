"""What we touch of aiortc's own: these fail on the day that it is there no more, and then the fallbacks are used."""

import asyncio
from fractions import Fraction
from typing import Any

import pytest
from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCRtpSender
from aiortc.codecs import h264
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtp import RtpPacket
from aiortc.stats import RTCTransportStats
from av import Packet

from signaling.transport.insides.internals import (
    bytes_on_their_way,
    connection_stats,
    forget_missing,
    limit_packets,
    limit_resends,
    take_packets,
)


class Sink:
    def __init__(self) -> None:
        self.packets: list[tuple[int, int, bool, bytes]] = []
        self.is_over = False

    def packet(self, sequence: int, *, timestamp: int, last: bool, data: bytes) -> None:
        self.packets.append((sequence, timestamp, last, data))

    def ended(self) -> None:
        self.is_over = True


@pytest.fixture
async def pc() -> Any:
    connection = RTCPeerConnection()
    yield connection
    await connection.close()


async def test_sctp_tells_what_is_on_its_way(pc: RTCPeerConnection) -> None:
    assert bytes_on_their_way(pc) is None
    pc.createDataChannel("a")
    assert bytes_on_their_way(pc) == 0

    class Chunk:
        user_data = bytes(100)
        _acked = _abandoned = False

    assert pc.sctp is not None
    pc.sctp._sent_queue.append(Chunk())  # type: ignore[arg-type]
    assert bytes_on_their_way(pc) == 193
    del pc.sctp._sent_queue
    assert bytes_on_their_way(pc) is None
    pc.sctp._sent_queue = type(pc.sctp._outbound_queue)()


def video_of(pc: RTCPeerConnection) -> tuple[RTCRtpSender, RTCRtpReceiver]:
    transceiver = pc.addTransceiver("video")
    return transceiver.sender, transceiver.receiver


async def test_a_receivers_packets_and_its_end_can_be_taken(pc: RTCPeerConnection) -> None:
    _, receiver = video_of(pc)
    assert isinstance(receiver._RTCRtpReceiver__jitter_buffer, JitterBuffer)  # type: ignore[attr-defined]
    sink = Sink()
    assert take_packets(receiver, sink)
    packet = RtpPacket(sequence_number=7, timestamp=9, marker=1)
    packet._data = b"coded"  # type: ignore[attr-defined]
    assert receiver._RTCRtpReceiver__jitter_buffer.add(packet) == (False, None)  # type: ignore[attr-defined]
    receiver._RTCRtpReceiver__decoder_queue.put(None)  # type: ignore[attr-defined]
    assert sink.packets == [(7, 9, True, b"coded")]
    assert sink.is_over


async def test_without_the_place_for_packets_aiortc_keeps_them(pc: RTCPeerConnection) -> None:
    _, receiver = video_of(pc)
    del receiver._RTCRtpReceiver__jitter_buffer  # type: ignore[attr-defined]
    assert not take_packets(receiver, Sink())


async def test_packets_that_were_given_up_are_not_asked_for(pc: RTCPeerConnection) -> None:
    _, receiver = video_of(pc)
    missing = receiver._RTCRtpReceiver__nack_generator.missing  # type: ignore[attr-defined]
    missing.update({65_530, 65_535, 2, 5, 9})
    forget_missing(receiver, 5)
    assert missing == {9}
    del receiver._RTCRtpReceiver__nack_generator  # type: ignore[attr-defined]
    forget_missing(receiver, 5)


async def test_resends_are_asked_about(pc: RTCPeerConnection) -> None:
    sender, _ = video_of(pc)
    resent: list[int] = []

    async def resend(sequence_number: int) -> None:
        resent.append(sequence_number)

    sender._retransmit = resend  # type: ignore[method-assign]
    assert limit_resends(sender, lambda sequence: sequence % 2 == 0)
    for sequence in range(4):
        await sender._retransmit(sequence)
    assert resent == [0, 2]
    assert hasattr(RTCRtpSender, "_retransmit")


async def test_a_transport_that_only_data_channels_use_is_counted(connect: Any) -> None:
    near, far = RTCPeerConnection(), RTCPeerConnection()
    channel = near.createDataChannel("a")
    heard = asyncio.Event()

    @far.on("datachannel")
    def on_channel(other: Any) -> None:
        other.on("message", lambda message: heard.set())

    channel.on("open", lambda: channel.send(b"x"))
    await connect(near, far)
    await heard.wait()
    counts = [entry for entry in (await connection_stats(far)).values() if isinstance(entry, RTCTransportStats)]
    assert len(counts) == 1
    assert counts[0].packetsReceived > 0
    await near.close()
    await far.close()


def test_packets_of_h264_fit_the_least_path_that_ipv6_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(h264, "PACKET_MAX", 1300)
    assert limit_packets()
    encoder = h264.H264Encoder()
    data = b"".join(b"\x00\x00\x00\x01\x65" + b"x" * size for size in (900, 250, 4000, 30))
    packet = Packet(data)
    packet.pts, packet.time_base = 0, Fraction(1, 90_000)
    payloads, _ = encoder.pack(packet)
    ipv6, udp, turn, rtp, extensions, srtp, resend = 40, 8, 4, 12, 20, 10, 2
    assert max(map(len, payloads)) + ipv6 + udp + turn + rtp + extensions + srtp + resend <= 1280
    monkeypatch.delattr(h264, "PACKET_MAX")
    assert not limit_packets()
