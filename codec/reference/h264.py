"""Stage 4, references as H.264, where PyAV was built without SVT-AV1: x264's settings, and the NAL units sent."""

from codec.reference.contexts import PictureStream, SteadyStream, open_encoder

NAL_DELIMITER, NAL_SEI = 9, 6


def open_h264(size: int, crf: int, intra_offset: int, preset: int) -> PictureStream:
    # x264's scale runs to 51 and doubles the step each 6, AV1's crf to 63; an offset of 4 is one crf.
    intra_ratio = 2 ** (-intra_offset / 48)
    options = {
        "preset": "slow" if preset < 6 else "veryfast",
        "tune": "zerolatency",
        "crf": str(max(1, round((crf - 4) * 0.75))),
        "x264-params": f"keyint=infinite:scenecut=0:threads=1:annexb=1:repeat-headers=1:ipratio={intra_ratio:.3f}",
    }
    return SteadyStream(open_encoder("libx264", size, options), crf=crf)


def pack_h264(unit: bytes) -> bytes:
    """Drop the NAL units that carry no picture: x264 opens with 700 bytes about itself."""
    kept = bytearray()
    for part in unit.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]:
        if part[0] & 31 not in (NAL_DELIMITER, NAL_SEI):
            kept += b"\0\0\1" + part
    return bytes(kept)
