"""AV1 picture headers told shorter: what SVT-AV1 writes comes back bit for bit, anything else goes as it is."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.errors import BitstreamError, TruncatedError
from codec.reference import coder as coder_module
from codec.reference import svt
from codec.reference.av1 import OBU_TYPE_FRAME, OBU_TYPE_SEQUENCE, pack_av1, unpack_av1
from codec.reference.coder import ReferenceEncoder
from codec.reference.picture_header import pack_header, pack_sequence, unpack_header, unpack_sequence

SAMPLE = Path(__file__).parents[3] / "benchmarks" / "clips" / "data" / "sample.mp4"
SIZE, COUNT = 256, 28  # three and a half mini-GOPs
needs_svt = pytest.mark.skipif(not svt.available(), reason="PyAV has another SVT-AV1 than the one that is foreseen")


def payloads(unit: bytes) -> dict[int, bytes]:
    """The payloads of a temporal unit's OBUs by their type; lengths here have one byte or two."""
    found, position = {}, 0
    while position < len(unit):
        obu_type, length, start = unit[position] >> 3 & 15, unit[position + 1], position + 2
        if length & 0x80:
            length, start = length & 0x7F | unit[start] << 7, start + 1
        found[obu_type] = unit[start : start + length]
        position = start + length
    return found


@pytest.fixture(scope="module")
def units() -> list[tuple[bytes, int]]:
    """Temporal units of a stream whose quality index changes, and that index of each."""
    with av.open(str(SAMPLE)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    encoder = ReferenceEncoder(size=SIZE, intra_offset=-26)
    caught: list[bytes] = []

    def pack(unit: bytes, *, size: int, count: int, crf: int) -> bytes:
        caught.append(unit)
        return pack_av1(unit, size=size, count=count, crf=crf)

    crfs = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coder_module, "pack_av1", pack)
        for number in range(COUNT):
            encoder.crf = (63, 62, 61, 58, 54, 51, 47, 42)[number % 7]
            picture = cv2.resize(frames[5 * number % len(frames)], (SIZE, SIZE), interpolation=cv2.INTER_AREA)
            encoder.encode(np.asarray(picture, np.uint8), intra=number == 0)
            crfs.append(encoder.coded_crf)
    return list(zip(caught, crfs, strict=True))


@needs_svt
def test_every_header_of_a_stream_comes_back_bit_for_bit_from_a_few_bytes(units: list[tuple[bytes, int]]) -> None:
    spared = []
    for count, (unit, crf) in enumerate(units):
        packed = pack_av1(unit, size=SIZE, count=count, crf=crf)
        assert unpack_av1(packed, count=count, crf=crf) == unit
        frame = payloads(unit)[OBU_TYPE_FRAME]
        spared.append(len(frame) - len(pack_header(frame, count=count, crf=crf)))
    assert min(spared) > 0, "each is foreseen"
    assert np.mean(spared) > 10


@needs_svt
def test_the_usual_sequence_header_is_one_byte(units: list[tuple[bytes, int]]) -> None:
    payload = payloads(units[0][0])[OBU_TYPE_SEQUENCE]
    assert pack_sequence(payload, size=SIZE) == bytes([0x80 | SIZE // 8])
    assert unpack_sequence(bytes([0x80 | SIZE // 8]), most=64) == (payload, 1)
    other = pack_sequence(payload, size=512)
    assert other == bytes([len(payload)]) + payload
    assert unpack_sequence(other + b"rest", most=64) == (payload, 1 + len(payload))


@needs_svt
@pytest.mark.parametrize("other", ["count", "crf", "header"])
def test_what_is_not_foreseen_goes_as_it_is(other: str, units: list[tuple[bytes, int]]) -> None:
    frame, crf = payloads(units[5][0])[OBU_TYPE_FRAME], units[5][1]
    count = 6 if other == "count" else 5
    crf += 1 if other == "crf" else 0
    if other == "header":
        frame = bytes([frame[0] ^ 1]) + frame[1:]  # another order of pictures
    packed = pack_header(frame, count=count, crf=crf)
    assert packed == b"\0" + frame
    assert unpack_header(packed, count=count, crf=crf) == frame


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=60), st.integers(0, 200), st.integers(1, 63))
def test_any_bytes_are_a_picture_or_refused_by_name_and_pack_again(data: bytes, count: int, crf: int) -> None:
    try:
        frame = unpack_header(data, count=count, crf=crf)
    except BitstreamError:
        return
    assert unpack_header(pack_header(frame, count=count, crf=crf), count=count, crf=crf) == frame


@pytest.mark.parametrize("data", [b"", b"\x0b", b"\x0b" + bytes(10)])
def test_a_sequence_header_that_is_cut(data: bytes) -> None:
    with pytest.raises(TruncatedError):
        unpack_sequence(data, most=64)


def test_a_long_sequence_header_is_refused() -> None:
    with pytest.raises(BitstreamError, match="65 bytes"):
        unpack_sequence(b"\x41" + bytes(100), most=64)
