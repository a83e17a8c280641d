"""Stage 4, face search: what is sent of a frame's pose and expression, and which windows are drawn from it."""

from collections.abc import Callable
from dataclasses import replace

from codec.bits.quantizer import Symbols, quantize
from codec.bits.symbols import CodingTables
from codec.decisions.lagrangian import DEAD_ZONE
from codec.decisions.window_choice import windows_worth_drawing
from codec.engines.runtime import Runtime
from codec.state.chain import ALL_WINDOWS, EYES_BIT, FACE_BIT, MOUTH_BIT, STILL_BIT, Chain, MotionState, face_steps
from codec.state.references import HeldReference
from codec.state.show import drawn_windows, landmarks_of, under
from codec.units import Floats, Image
from codec.windows.painter import paint

__all__ = ["FaceSearch"]

_DRAWN = MOUTH_BIT | EYES_BIT


class FaceSearch:
    """Remembers which windows were worth drawing until it is measured again."""

    def __init__(self, runtime: Runtime, tables: CodingTables) -> None:
        self._runtime, self._tables = runtime, tables
        self._drawn = _DRAWN
        self.draws = True  # else no window is, however much it were worth

    def numbers(self, held: HeldReference, *, start: Chain, landmarks: Floats) -> Symbols:
        """The integers of the face numbers of landmarks (112, 3)."""
        if held.face is None:
            return start.face
        steps = face_steps(self._tables, start.qp)
        person = held.face.person
        moved = person.numbers(landmarks) - person.own
        return quantize(moved, step=steps, prediction=start.face, dead_zone=DEAD_ZONE)

    def choose(
        self, found: Chain, held: HeldReference, *, state: Callable[[Chain], MotionState], target: Image | None
    ) -> tuple[Chain, Image | None]:
        """What was found, with the windows worth drawing.

        They are decided anew where the picture to be shown, target (S, S, 3), is given; `state` says how a chain is
        shown. Where that gave the picture of the chain, it comes too.
        """
        if held.face is None or not found.windows:
            return found, None
        besides = found.windows & STILL_BIT | FACE_BIT
        if not self.draws:
            chosen = replace(found, windows=besides)
            return chosen, None if target is None else under(self._runtime, held, state(chosen))
        if target is None:
            return replace(found, windows=besides | self._drawn), None
        without, drawn = self._both(held, state(replace(found, windows=besides | ALL_WINDOWS)), target)
        chosen = replace(found, windows=besides | self._drawn)
        return chosen, self._picture(held, state(chosen), without, drawn)

    def judge(self, held: HeldReference, state: MotionState, target: Image) -> Image:
        """The picture of a state, whose windows are compared on the way, for the frames to come."""
        if not state.windows or not self.draws:
            return under(self._runtime, held, state)
        without, drawn = self._both(held, replace(state, windows=state.windows | ALL_WINDOWS), target)
        return self._picture(held, state, without, drawn)

    def _both(self, held: HeldReference, state: MotionState, target: Image) -> tuple[Image, Image]:
        """The pictures of a state that draws all windows without and with them, compared."""
        without = under(self._runtime, held, state)
        landmarks = landmarks_of(held, state)
        if landmarks is None:
            return without, without
        drawn = paint(self._runtime, without, landmarks, held.faces, windows=drawn_windows(ALL_WINDOWS))
        self._drawn = windows_worth_drawing(self._runtime, target, without=without, drawn=drawn, landmarks=landmarks)
        return without, drawn

    def _picture(self, held: HeldReference, state: MotionState, without: Image, drawn: Image) -> Image:
        """The picture of a state, of which those without and with all windows are known."""
        landmarks = landmarks_of(held, state)
        if landmarks is None or not state.windows & _DRAWN:
            return without
        if state.windows & _DRAWN == _DRAWN:
            return drawn
        return paint(self._runtime, without, landmarks, held.faces, windows=drawn_windows(state.windows))
