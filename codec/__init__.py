"""The codec: bytes, arrays and tensors. No clock, socket, thread or camera.

The data path, and where each step lives:

    1 capture            sender/
    2 crop               pictures/              frame -> face square
    3 motion extraction  motion/, engines/      face square -> canonical keypoints, rotation, scale, expression
    4 code               encoder.py             decisions/ find what to send and what it may cost; bits/ make it bytes;
                                                reference/ codes the pictures that are warped
    5 packetise          bits/packet.py         coded frames -> messages
    6 transport          sender/, signaling/, receiver/
    7 depacketise        bits/packet.py         messages -> coded frames
    8 decode             decoder.py, state/     coded frame -> how to show it
    9 warp, generate     engines/runtime.py     -> picture
    10 display, meter    receiver/

The networks of stages 3 and 9 are defined in networks/ (torch), exported to graphs/ by export.py, and run by one of two
engines in engines/: OpenVINO, in int8 where the weights have ranges for it, or torch. weights/ holds what they learnt.

Without a network: bits/container.py (.fw), pictures/video.py, and `python -m codec`.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

# Where torch runs the networks, its threads sleep between their turns. By default they spin, and where another process
# wants the same cores (the other end of a call on one machine) a frame then takes ten times as long. To be said before
# torch is imported.
os.environ["OMP_WAIT_POLICY"] = os.environ.get("OMP_WAIT_POLICY", "PASSIVE")


def _version() -> str:
    """What pyproject.toml says, as it was installed."""
    from importlib import metadata

    try:
        return metadata.version("facewire")
    except metadata.PackageNotFoundError:  # a checkout that was never installed
        return "unknown"


if TYPE_CHECKING:
    __version__: str
    from codec.bits.bitstream import CodedFrame
    from codec.config import CodecConfig
    from codec.decoder import Decoder
    from codec.encoder import Encoder
    from codec.errors import CodecError
    from codec.frame_report import FrameReport
    from codec.state.chain import MotionState
    from codec.state.show import Rendering
else:
    # Imported when they are first asked for (PEP 562): training runs where there is no PyAV and no range coder.
    _HOMES = {
        "CodecConfig": "codec.config",
        "CodecError": "codec.errors",
        "CodedFrame": "codec.bits.bitstream",
        "Decoder": "codec.decoder",
        "Encoder": "codec.encoder",
        "FrameReport": "codec.frame_report",
        "MotionState": "codec.state.chain",
        "Rendering": "codec.state.show",
    }

    def __getattr__(name: str) -> Any:
        if name == "__version__":
            value = globals()[name] = _version()
            return value
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(_HOMES[name]), name)
        return value


__all__ = ["CodecConfig", "CodecError", "CodedFrame", "Decoder", "Encoder", "FrameReport", "MotionState", "Rendering"]
