"""Descriptions without what nobody needs."""

from aiortc import RTCPeerConnection
from aiortc.sdp import SessionDescription

from signaling.transport.trim import trimmed


async def test_one_fingerprint_a_section_is_left_and_nothing_else_goes() -> None:
    pc = RTCPeerConnection()
    pc.createDataChannel("a")
    pc.addTransceiver("video")
    await pc.setLocalDescription()
    sdp = pc.localDescription.sdp
    short = trimmed(sdp)
    assert len(short) < 0.85 * len(sdp)
    before, after = SessionDescription.parse(sdp), SessionDescription.parse(short)
    for old, new in zip(before.media, after.media, strict=True):
        assert old.dtls is not None
        assert new.dtls is not None
        assert [one.algorithm for one in new.dtls.fingerprints] == ["sha-256"]
        old.dtls.fingerprints = new.dtls.fingerprints
    assert str(before) == str(after)
    await pc.close()


def test_a_section_without_the_one_that_all_know_keeps_what_it_has() -> None:
    audio = "m=audio 9 X 0\r\na=fingerprint:sha-512 AA\r\n"
    sdp = f"v=0\r\n{audio}m=video 9 X 0\r\na=fingerprint:sha-1 BB\r\na=fingerprint:sha-256 CC\r\n"
    assert trimmed(sdp) == sdp.replace("a=fingerprint:sha-1 BB\r\n", "")
