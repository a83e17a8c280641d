"""Training, windows: recorded clips -> what a window's generator is shown, and what it should have drawn.

Exactly what the codec will do: landmarks by the networks that ship, on the original for the target and on the decoded
reference for the rest; the target's through basis and quantiser; candidates as the painter picks them, from the
references held or, at random, from fewer of them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from codec.bits.quantizer import quantize
from codec.config import CodecConfig
from codec.engines.runtime import Runtime
from codec.errors import MediaError
from codec.motion.expression import Person
from codec.motion.face_box import FaceBox
from codec.motion.face_tracker import landmarks_in
from codec.motion.face_windows import EYE, MOUTH, Window, cut, window_frame
from codec.motion.tracking import face_frame, find_landmarks
from codec.state.chain import face_steps
from codec.state.references import FACES_HELD
from codec.training.data.dataset import ClipFile, read_frames
from codec.training.face.drawing.recordings import MODES, Recording, read_recording
from codec.training.face.faces import labelled
from codec.units import Floats, Image
from codec.windows.painter import FaceReference, look

__all__ = ["WindowSamples", "cut_windows"]

_SIZE = 256
_QPS = (26, 58)  # one keyframe is moved at 56
_ALL_HELD = 0.6  # of the draws; else fewer, down to the one in use


@dataclass(frozen=True, slots=True)
class WindowSamples:
    """inputs uint8 (N, H, W, 15), target uint8 (N, H, W, 3), clip (N,), whether one keyframe was all there was (N,)."""

    inputs: Image
    target: Image
    clip: npt.NDArray[np.int64]
    single: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True, slots=True, eq=False)
class _Sight:
    """One recorded clip with its landmarks."""

    recording: Recording
    frames: Sequence[Image]
    references: Sequence[FaceReference | None]
    landmarks: dict[int, Floats]


def cut_windows(
    files: Sequence[ClipFile],
    recordings: Path,
    *,
    weights: str,
    seed: int,
    draws: int = 1,
    tick: Callable[[], None] = lambda: None,
) -> dict[str, WindowSamples]:
    """Samples of "mouth" and "eye", left eyes mirrored, from every recorded and labelled clip; MediaError for none."""
    runtime = Runtime(CodecConfig(weights=weights, threads=1))
    random = np.random.default_rng(seed)
    rows: dict[str, list[tuple[Image, Image, int, bool]]] = {"mouth": [], "eye": []}
    for number, file in enumerate(files):
        for mode in MODES:
            recording = read_recording(recordings, file, mode)
            known = labelled(file)
            if recording is None or known is None or not len(recording.frames):
                continue
            sight = _sight(runtime, file, recording, known)
            for kind, inputs, target in _draw(runtime, sight, random, draws=draws):
                rows[kind].append((inputs, target, number, mode == "single"))
        tick()
    return {kind: _stack(part) for kind, part in rows.items()}


def _stack(rows: list[tuple[Image, Image, int, bool]]) -> WindowSamples:
    if not rows:
        raise MediaError("none of the clips is both recorded and labelled: the step `record` comes first")
    inputs, target, clips, single = zip(*rows, strict=True)
    return WindowSamples(np.stack(inputs), np.stack(target), np.array(clips, np.int64), np.array(single, bool))


def _sight(
    runtime: Runtime, file: ClipFile, recording: Recording, known: tuple[Floats, npt.NDArray[np.bool_]]
) -> _Sight:
    points, present = known
    frames = read_frames(file.path, size=_SIZE, limit=len(points))
    wanted = {int(n) for n in (*recording.frames, *recording.coded_at) if n < len(frames) and present[n]}
    landmarks = {n: find_landmarks(runtime, frames[n], face_frame(points[n])) for n in sorted(wanted)}
    references = [
        _reference(runtime, picture, landmarks[int(at)]) if int(at) in landmarks else None
        for picture, at in zip(recording.pictures, recording.coded_at, strict=True)
    ]
    return _Sight(recording, frames, references, landmarks)


def _reference(runtime: Runtime, picture: Image, landmarks: Floats) -> FaceReference:
    found = landmarks_in(runtime, picture, FaceBox.of(landmarks, side=_SIZE))
    return FaceReference(picture, found, runtime.face_shape.person(found, side=_SIZE))


def _draw(
    runtime: Runtime, sight: _Sight, random: np.random.Generator, *, draws: int
) -> Iterator[tuple[str, Image, Image]]:
    recording = sight.recording
    for number, shown, current in zip(recording.frames, recording.shown, recording.reference, strict=True):
        held = [face for face in sight.references[: current + 1] if face is not None][-FACES_HELD:]
        used = sight.references[current]
        if used is None or int(number) not in sight.landmarks:
            continue
        for _ in range(draws):
            kept = held
            if random.random() > _ALL_HELD:
                kept = held[-int(random.integers(1, len(held) + 1)) :]
            target = _coded(runtime, used.person, sight.landmarks[int(number)], random)
            for window in (MOUTH, *EYE):
                yield _sample(shown, sight.frames[int(number)], target, kept, window)


def _coded(runtime: Runtime, person: Person, landmarks: Floats, random: np.random.Generator) -> Floats:
    """Landmarks as they are when they have been through basis and quantiser."""
    step = face_steps(runtime.weights.tables, int(random.integers(*_QPS)))
    moved = quantize(person.numbers(landmarks) - person.own, step=step, prediction=np.zeros(len(step), np.int32))
    return person.landmarks((person.own + moved * step).astype(np.float32))


def _sample(
    shown: Image, original: Image, landmarks: Floats, held: Sequence[FaceReference], window: Window
) -> tuple[str, Image, Image]:
    inputs = look(shown, landmarks, held, window).inputs
    target = cut(original, window_frame(landmarks, window), (window.width, window.height))
    if window is MOUTH:
        return "mouth", inputs, target
    mirrored = slice(None, None, -1 if window is EYE[1] else 1)
    return "eye", np.ascontiguousarray(inputs[:, mirrored]), np.ascontiguousarray(target[:, mirrored])
