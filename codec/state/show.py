"""Stages 4 and 9, show: a motion state -> the picture, the same at both ends."""

from collections.abc import Sequence
from typing import NamedTuple

from codec.engines.runtime import Runtime
from codec.motion.face_windows import EYE, MOUTH, Window
from codec.state.chain import EYES_BIT, MOUTH_BIT, MotionState, full_flow
from codec.state.references import HeldReference
from codec.units import Floats, Image
from codec.windows.painter import paint

__all__ = ["WHOLE", "Rendering", "drawn_windows", "landmarks_of", "show", "under"]


class Rendering(NamedTuple):
    """What a picture is made with: the edges of its warping field, and what the generator adds to warped pixels."""

    refined: bool = True
    generated: bool = True


WHOLE = Rendering()


def show(runtime: Runtime, reference: HeldReference, state: MotionState, *, rendering: Rendering = WHOLE) -> Image:
    """uint8 (S, S, 3): what the warp and the generator give, mouth and eyes drawn into it where the state says so."""
    picture = under(runtime, reference, state, rendering=rendering)
    landmarks = landmarks_of(reference, state)
    if landmarks is None:
        return picture
    return paint(runtime, picture, landmarks, reference.faces, windows=drawn_windows(state.windows))


def under(runtime: Runtime, reference: HeldReference, state: MotionState, *, rendering: Rendering = WHOLE) -> Image:
    """The same before its windows are drawn."""
    flow, occlusion = full_flow(runtime, reference, state)
    return runtime.generate(
        reference.prepared, flow=flow, occlusion=occlusion, refined=rendering.refined, generated=rendering.generated
    )


def landmarks_of(reference: HeldReference, state: MotionState) -> Floats | None:
    """Where the state puts the landmarks (112, 3), in pixels; None where it draws no window or has no face."""
    if reference.face is None or not state.windows:
        return None
    return reference.face.person.landmarks(state.face)


def drawn_windows(flags: int) -> Sequence[Window]:
    """The windows that a state's bits stand for."""
    return (*((MOUTH,) if flags & MOUTH_BIT else ()), *(EYE if flags & EYES_BIT else ()))
