"""Stages 4 and 9, show: a motion state -> the picture, the same at both ends."""

from collections.abc import Sequence

from codec.engines.runtime import Runtime
from codec.motion.face_windows import EYE, MOUTH, Window
from codec.state.chain import EYES_BIT, MOUTH_BIT, MotionState, full_flow
from codec.state.references import HeldReference
from codec.units import Floats, Image
from codec.windows.painter import paint

__all__ = ["drawn_windows", "landmarks_of", "show", "under"]


def show(runtime: Runtime, reference: HeldReference, state: MotionState, *, refined: bool = True) -> Image:
    """uint8 (S, S, 3): what the warp and the generator give, mouth and eyes drawn into it where the state says so."""
    picture = under(runtime, reference, state, refined=refined)
    landmarks = landmarks_of(reference, state)
    if landmarks is None:
        return picture
    return paint(runtime, picture, landmarks, reference.faces, windows=drawn_windows(state.windows))


def under(runtime: Runtime, reference: HeldReference, state: MotionState, *, refined: bool = True) -> Image:
    """The same before its windows are drawn."""
    flow, occlusion = full_flow(runtime, reference, state)
    return runtime.generate(reference.prepared, flow=flow, occlusion=occlusion, refined=refined)


def landmarks_of(reference: HeldReference, state: MotionState) -> Floats | None:
    """Where the state puts the landmarks (112, 3), in pixels; None where it draws no window or has no face."""
    if reference.face is None or not state.windows:
        return None
    return reference.face.person.landmarks(state.face)


def drawn_windows(flags: int) -> Sequence[Window]:
    """The windows that a state's bits stand for."""
    return (*((MOUTH,) if flags & MOUTH_BIT else ()), *(EYE if flags & EYES_BIT else ()))
