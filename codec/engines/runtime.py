"""Stages 3 and 9, the networks as they run: arrays in, arrays out, on whichever engine there is.

Encoder and decoder use the same instance methods in the same order, so that on one machine, with one engine, the
encoder's reconstruction equals the decoder's picture bit for bit.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from codec.config import CodecConfig
from codec.engines.engine import Engine, Graph
from codec.errors import ConfigError
from codec.motion.expression import FaceShape
from codec.motion.flow import remap, remap_picture, remap_planes
from codec.units import Floats, Image
from codec.weights.files import Weights
from codec.weights.files import load as load_weights

_EXTRACTOR_PICTURE = 128


@dataclass(frozen=True, slots=True, eq=False)
class PreparedReference:
    """A decoded and restored reference with all that is computed once for it."""

    picture: Image  # (S, S, 3)
    motion: Floats  # (1, MOTION_NUMBERS), its own
    canonical: Floats  # (1, K, 3)
    pixels: Floats  # (1, 3, S, S) in [0, 1]: planes, which OpenCV warps in less than half of the time of (S, S, 3)
    scene: tuple[Floats, ...]  # small (1, 3, 64, 64), heat (1, K, 64, 64), points (1, K, 3)
    features: tuple[Floats, ...]  # (S / 2^n, S / 2^n, C)
    guidance: Floats  # (64, 64, C)


class Runtime:
    """The networks of one weight file at one picture size. For one thread at a time."""

    def __init__(self, config: CodecConfig, *, graphs: Sequence[str] = (), engine: Engine | None = None) -> None:
        """Loads `graphs` at once, so that the first picture does not wait for them; others when they are first needed.

        ConfigError when the configured engine is not there or cannot do what is asked.
        """
        self._engine = engine or _make_engine(config, load_weights(config.weights))
        self.weights = self._engine.weights
        self._size = config.size
        self._graphs: dict[str, Graph] = {}
        self._flows: deque[tuple[tuple[PreparedReference, bytes], tuple[Floats, Floats]]] = deque(maxlen=2)
        for name in graphs:
            self._graph(name)
        self.mean_shape: Floats = self._tensor("motion_extractor.mean_shape")
        self.face_shape = FaceShape(*(self._tensor(f"shape.{part}") for part in ("mean", "basis", "weight")))

    def _tensor(self, name: str) -> Floats:
        return np.asarray(self.weights.tensors[name], np.float32)

    def extract(self, picture: Image) -> tuple[Floats, Floats]:
        """(S, S, 3) -> canonical keypoints (K, 3), motion (MOTION_NUMBERS,)."""
        small = cv2.resize(picture, (_EXTRACTOR_PICTURE, _EXTRACTOR_PICTURE), interpolation=cv2.INTER_AREA)
        canonical, motion = self._graph("extractor")(small[None])
        return canonical[0].copy(), motion[0].copy()

    def keypoints(self, motion: Floats, canonical: Floats) -> Floats:
        """Where a motion puts the keypoints, (K, 3)."""
        (points,) = self._graph("keypoints")(motion[None], canonical[None])
        return np.array(points[0], np.float32)

    def prepare(self, decoded: Image, *, crf: int, canonical: Floats, motion: Floats) -> PreparedReference:
        """Restores a reference (S, S, 3) that was coded at a quality index, unless that is 0; what rests on it alone.

        canonical (K, 3) and motion (MOTION_NUMBERS,) are its own, as the decoder has them.
        """
        restored = decoded[None]
        if crf:
            restored = self._graph("restoration")(restored, np.array([crf], np.float32))[0].copy()
        pixels, small, points, heat = (
            array.copy() for array in self._graph("scene")(restored, canonical[None], motion[None])
        )
        features = tuple(_channels_last(level) for level in self._graph("appearance")(pixels))
        guidance = _channels_last(self._graph("guidance")(pixels)[0])
        scene = (small, heat, points)
        return PreparedReference(restored[0], motion[None], canonical[None], pixels, scene, features, guidance)

    def base_flow(self, reference: PreparedReference, *, driving_motion: Floats) -> tuple[Floats, Floats]:
        """Warping field (64, 64, 2) and occlusion map (64, 64) of the base layer.

        The last ones are remembered: the encoder asks again for what its search has chosen, and a frame without the
        base layer for its reference at rest.
        """
        asked = (reference, driving_motion.tobytes())
        for known, answer in self._flows:
            if known == asked:
                return answer
        answer = self._base_flow(reference, driving_motion)
        self._flows.append((asked, answer))
        return answer

    def _base_flow(self, reference: PreparedReference, driving_motion: Floats) -> tuple[Floats, Floats]:
        features, shifts, affine, prior = self._graph("candidates")(
            *reference.scene, reference.motion, reference.canonical, driving_motion[None]
        )
        logits, occlusion = self._graph("judgement")(features)
        (flow,) = self._graph("mix")(shifts, affine, prior, logits)
        return np.ascontiguousarray(flow[0].transpose(1, 2, 0)), occlusion[0, 0].copy()

    def generate(
        self,
        reference: PreparedReference,
        *,
        flow: Floats,
        occlusion: Floats,
        refined: bool = True,
        generated: bool = True,
    ) -> Image:
        """flow (64, 64, 2), occlusion (64, 64) -> picture uint8 (S, S, 3).

        `refined`: the field is given its edges; not `generated`: it is the warped reference, to which nothing is added.
        """
        both = np.dstack((flow, occlusion))
        if refined:
            both = self._refined(reference, both)
        if not generated:
            return remap_picture(reference.picture, _resized(both[..., :2], self._size))
        sides = [_resized(both, level.shape[0]) for level in reference.features]
        pixels = remap_planes(reference.pixels, _resized(both[..., :2], self._size))
        warped = [remap(level, side[..., :2]) for level, side in zip(reference.features, sides, strict=True)]
        (picture,) = self._graph("generator")(pixels, *(part[None] for part in (*warped, *sides)))
        return np.array(picture[0], np.uint8)

    def _refined(self, reference: PreparedReference, side: Floats) -> Floats:
        """Warping field and occlusion map (64, 64, 3); where nothing moves there is nothing to refine."""
        flow = side[..., :2]
        if not flow.any():
            return side
        (told,) = self._graph("refinement")(remap(reference.guidance, flow)[None], side[None])
        (refined,) = self._graph("choice")(told, side[None])
        return np.array(refined[0], np.float32)

    def landmarks(self, crop: Image) -> Floats:
        """The face at 128x128, uint8 (1, 128, 128, 3) -> its points (112, 3), the crop spanning [-1, 1]."""
        return self._points("landmarks", crop)

    def mouth_points(self, crop: Image) -> Floats:
        """The mouth's window, uint8 (1, 64, 80, 3) -> the lips' points (40, 2), the window spanning [-1, 1]."""
        return self._points("mouth_points", crop)

    def eye_points(self, crop: Image) -> Floats:
        """A right eye's window, uint8 (1, 32, 48, 3) -> points of lids and iris (17, 2)."""
        return self._points("eye_points", crop)

    def mouth(self, inputs: Image) -> Callable[[], Floats]:
        """The mouth's candidates and outlines, uint8 (1, 64, 80, 15) -> (1, 64, 80, 6): shares, what to add.

        It is begun here; its outcome is called for.
        """
        outputs = self._graph("mouth").begin(inputs)
        return lambda: np.array(outputs()[0], np.float32)

    def eyes(self, inputs: Image) -> Callable[[], Floats]:
        """The same of both eyes, as right ones, uint8 (2, 32, 48, 15) -> (2, 32, 48, 6)."""
        outputs = self._graph("eyes").begin(inputs)
        return lambda: np.array(outputs()[0], np.float32)

    def _points(self, name: str, crop: Image) -> Floats:
        (points,) = self._graph(name)(crop)
        return np.array(points[0], np.float32)

    def _graph(self, name: str) -> Graph:
        graph = self._graphs.get(name)
        if graph is None:
            graph = self._graphs[name] = self._engine.load(name, size=self._size)
        return graph


def _channels_last(planes: Floats) -> Floats:
    """(1, C, h, w) -> (h, w, C), a copy."""
    return np.array(planes[0].transpose(1, 2, 0), np.float32, order="C")


def _resized(plane: Floats, size: int) -> Floats:
    """(h, w, C) -> (size, size, C), as networks.layers.resize does."""
    way = cv2.INTER_AREA if size < plane.shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(plane, (size, size), interpolation=way), np.float32)


def _make_engine(config: CodecConfig, weights: Weights) -> Engine:
    """OpenVINO where it is installed and nothing else is asked for. ConfigError for one that is not there."""
    if config.engine != "torch":
        try:
            from codec.engines.openvino_engine import OpenVinoEngine

            return OpenVinoEngine(weights, threads=config.threads, precision=config.precision)
        except ImportError as error:
            if config.engine == "openvino":
                raise ConfigError(f"engine openvino cannot be loaded ({error}): pip install openvino") from error
    try:
        from codec.engines.torch_engine import TorchEngine
    except ImportError as error:
        which = "engine torch cannot" if config.engine == "torch" else "no engine can"
        raise ConfigError(f"{which} be loaded ({error}): pip install 'facewire[torch]'") from error
    return TorchEngine(weights, threads=config.threads, precision=config.precision)
