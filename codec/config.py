"""The settings of the codec: one frozen value, checked when it is made, and the named presets.

The quality index `qp` sets everything that trades bits for quality: quantiser steps, the quality of coded references
and how readily a new one is sent. Ten steps of qp double the quantiser step, as six do in H.264.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from codec.errors import ConfigError
from codec.units import MAX_QP, SIZES

MAX_KBPS = 100_000

References = Literal["adaptive", "single"]
Activation = Literal["immediate", "acknowledged"]
Effort = Literal["realtime", "best"]
Tune = Literal["psnr", "perceptual"]
EngineName = Literal["auto", "openvino", "torch"]
Precision = Literal["auto", "int8", "bf16", "f32"]
Preset = Literal["realtime", "file", "best", "one-keyframe"]


@dataclass(frozen=True, slots=True)
class CodecConfig:
    """How to code a call. ConfigError when a field is out of range.

    size            side of the face square in pixels, 256 or 512
    qp              0 (best) .. 63 (fewest bits)
    kbps            payload budget, kept over any five seconds by changing qp; 0: qp stays
    bundle          frames whose motion is coded as a chain and must travel together; 1 codes each frame alone
    residual        code the motion residual on top of the keypoints
    reference_qp_offset  what is added to qp for the pictures of references (as for intra pictures in other codecs)
    tune            "psnr": the fewest errors for the bits; "perceptual": finer references, less often, for likeness
    references      "adaptive": new references whenever they are worth their bits; "single": one per keyframe
    activation      "immediate": a new reference is used at once; "acknowledged": only after Encoder.acknowledge
    effort          "realtime": what a call has time for; "best": slower, about 5 % fewer bits at the same quality
    measure_every   the encoder reconstructs, and measures, each n-th frame; keyframes alone where 0
    weights         name of the weight file
    threads         threads the networks may use; 0 leaves it to the machine
    engine          what runs the networks; "auto": OpenVINO where it is installed, else torch
    precision       of most networks; "auto": int8 where the weights have ranges for it, else bf16 where the CPU has it
    """

    size: int = 256
    qp: int = 34
    kbps: float = 0.0
    bundle: int = 4
    residual: bool = True
    reference_qp_offset: int = 0
    tune: Tune = "psnr"
    references: References = "adaptive"
    activation: Activation = "immediate"
    effort: Effort = "realtime"
    measure_every: int = 1
    weights: str = "eighth"
    threads: int = 0
    engine: EngineName = "auto"
    precision: Precision = "auto"

    def __post_init__(self) -> None:
        _check(self.size in SIZES, f"size is {self.size}; this codec knows {SIZES[0]} and {SIZES[1]}")
        _check(0 <= self.qp <= MAX_QP, f"qp is {self.qp}; it runs from 0 to {MAX_QP}")
        _check(self.kbps == 0 or 1 <= self.kbps <= MAX_KBPS, f"kbps is {self.kbps:g}; it runs from 1 to {MAX_KBPS}")
        _check(1 <= self.bundle <= 64, f"bundle is {self.bundle}; it runs from 1 to 64")
        offset = self.reference_qp_offset
        _check(abs(offset) <= MAX_QP, f"reference_qp_offset is {offset}; it runs from {-MAX_QP} to {MAX_QP}")
        _check(self.tune in get_args(Tune), f"tune is {self.tune!r}")
        _check(self.references in ("adaptive", "single"), f"references is {self.references!r}")
        _check(self.activation in ("immediate", "acknowledged"), f"activation is {self.activation!r}")
        _check(self.effort in ("realtime", "best"), f"effort is {self.effort!r}")
        _check(self.measure_every >= 0, "measure_every is at least 0")
        _check(self.threads >= 0, "threads is at least 0")
        _check(bool(self.weights), "weights needs a name")
        _check(self.engine in ("auto", "openvino", "torch"), f"engine is {self.engine!r}")
        _check(self.precision in ("auto", "int8", "bf16", "f32"), f"precision is {self.precision!r}")

    def with_(self, **changes: Any) -> "CodecConfig":
        """A copy with some fields changed."""
        try:
            return replace(self, **changes)
        except TypeError as error:
            raise ConfigError(str(error)) from error

    @classmethod
    def preset(cls, name: Preset, **changes: Any) -> "CodecConfig":
        """`realtime` for calls, `file` for storing clips, `best` to do so slowly; `one-keyframe`: then only motion."""
        if name not in PRESETS:
            raise ConfigError(f"preset is {name!r}; there are {', '.join(PRESETS)}")
        return PRESETS[name].with_(**changes)


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise ConfigError(message)


PRESETS: dict[str, CodecConfig] = {
    "realtime": CodecConfig(activation="acknowledged", measure_every=4),
    "file": CodecConfig(),
    "best": CodecConfig(effort="best"),
    # One picture must do, so it is a good one; what moves it may be coarse.
    "one-keyframe": CodecConfig(qp=56, reference_qp_offset=-22, references="single"),
}
