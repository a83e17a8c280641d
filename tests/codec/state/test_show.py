"""Show: windows are drawn where a state says so, nowhere else, and not at all without a face."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest

from codec.motion.face_box import FaceBox
from codec.motion.face_windows import EYE, MOUTH, WINDOWS, window_frame, window_points
from codec.motion.parameters import FLOW_SIZE, KEYPOINTS, MOTION_NUMBERS
from codec.motion.residual import COEFFICIENTS
from codec.state.chain import ALL_WINDOWS, EYES_BIT, FACE_BIT, MOUTH_BIT, MotionState
from codec.state.references import FACES_HELD, DecodedReference, HeldReference
from codec.state.show import drawn_windows, landmarks_of, show, under
from codec.windows.painter import FaceReference

Floats = npt.NDArray[np.float32]
Image = npt.NDArray[np.uint8]


class Prepared:
    def __init__(self, picture: Image) -> None:
        self.picture = picture


class Plain:
    """Networks that show the reference as it is, draw windows that are brighter, and see a mean face anywhere."""

    def __init__(self, faces: Any) -> None:
        self.face_shape = faces.shape()
        self._mean = faces.mean() * np.float32(0.6)
        self.flows: list[Floats] = []

    def prepare(self, decoded: Image, *, crf: int, canonical: Floats, motion: Floats) -> Prepared:
        return Prepared(decoded)

    def base_flow(self, reference: Any, *, driving_motion: Floats) -> tuple[Floats, Floats]:
        return np.zeros((FLOW_SIZE, FLOW_SIZE, 2), np.float32), np.ones((FLOW_SIZE, FLOW_SIZE), np.float32)

    def generate(
        self, reference: Prepared, *, flow: Floats, occlusion: Floats, refined: bool, generated: bool
    ) -> Image:
        assert refined
        assert generated
        self.flows.append(flow)
        return reference.picture.copy()

    def mouth(self, inputs: Image) -> Callable[[], Floats]:
        said = np.zeros((*inputs.shape[:3], 6), np.float32)
        said[..., 0], said[..., 3:] = 1, 60
        return lambda: said

    eyes = mouth

    def landmarks(self, crop: Image) -> Floats:
        return np.asarray(self._mean)

    def mouth_points(self, crop: Image) -> Floats:
        return np.zeros((40, 2), np.float32)

    def eye_points(self, crop: Image) -> Floats:
        return np.zeros((17, 2), np.float32)


def held_with(face: FaceReference | None) -> HeldReference:
    return HeldReference(
        id=0,
        number=0,
        pts=0,
        duration=3600,
        canonical=np.zeros((KEYPOINTS, 3), np.float32),
        qp=32,
        motion=np.zeros(MOTION_NUMBERS, np.float32),
        box=None,
        prepared=cast(Any, Prepared(np.full((256, 256, 3), 100, np.uint8))),
        face=face,
        faces=() if face is None else (face,),
    )


def state_with(numbers: Floats, windows: int) -> MotionState:
    return MotionState(
        pts=0,
        number=0,
        reference_id=0,
        base=True,
        motion=np.zeros(MOTION_NUMBERS, np.float32),
        coefficients=np.zeros(COEFFICIENTS, np.float32),
        face=numbers,
        windows=windows,
        chain=None,
    )


@pytest.mark.parametrize(
    ("flags", "windows"),
    [
        (0, ()),
        (FACE_BIT, ()),
        (FACE_BIT | MOUTH_BIT, (MOUTH,)),
        (FACE_BIT | EYES_BIT, EYE),
        (ALL_WINDOWS, (MOUTH, *EYE)),
    ],
)
def test_bits_stand_for_windows(flags: int, windows: Any, faces: Any) -> None:
    """Each is drawn where its bit is set, and no pixel outside them."""
    assert tuple(drawn_windows(flags)) == tuple(windows)
    held, runtime = held_with(faces.reference(1)), cast(Any, Plain(faces))
    state = state_with(faces.numbers(2), flags)
    picture, plain = show(runtime, held, state), under(runtime, held, state)
    landmarks = landmarks_of(held, state)
    y, x = np.indices((256, 256))
    points = np.stack((x, y), -1).reshape(-1, 2).astype(np.float32)
    inside = np.zeros((256, 256), bool)
    if landmarks is not None:
        for window in WINDOWS:
            local = window_points(points, window_frame(landmarks, window))
            place = ((local > -1) & (local < (window.width, window.height))).all(1).reshape(256, 256)
            if window in windows:
                inside |= place
                middle = np.abs(local - (np.array([window.width, window.height]) - 1) / 2).max(1).argmin()
                assert picture.reshape(-1, 3)[middle].min() > 150, window.name
    np.testing.assert_array_equal(picture[~inside], plain[~inside])
    assert (picture != plain).any() == bool(windows)


def test_nothing_is_drawn_without_a_face(faces: Any) -> None:
    held, runtime = held_with(None), cast(Any, Plain(faces))
    state = state_with(faces.numbers(2), ALL_WINDOWS)
    assert landmarks_of(held, state) is None
    np.testing.assert_array_equal(show(runtime, held, state), under(runtime, held, state))
    assert not any(flow.any() for flow in runtime.flows)


def test_the_flow_follows_the_landmarks_only_where_the_face_moves_it(faces: Any) -> None:
    held, runtime = held_with(faces.reference(1)), cast(Any, Plain(faces))
    for windows, moved in ((ALL_WINDOWS, True), (FACE_BIT, True), (0, False)):
        runtime.flows.clear()
        under(runtime, held, state_with(faces.numbers(2), windows))
        assert runtime.flows[0].any() == moved
    runtime.flows.clear()
    under(runtime, held, replace(state_with(faces.numbers(2), ALL_WINDOWS), base=False))
    assert not runtime.flows[0].any(), "nor where the base layer is off"


def decoded(faces: Any, name: int, *, intra: bool, box: Any) -> DecodedReference:
    return DecodedReference(
        id=name,
        number=name,
        pts=3600 * name,
        duration=3600,
        canonical=np.zeros((KEYPOINTS, 3), np.float32),
        qp=32,
        motion=np.zeros(MOTION_NUMBERS, np.float32),
        box=box,
        intra=intra,
        picture=faces.noise(name),
        crf=40,
    )


def test_references_gather_the_faces_before_them(faces: Any) -> None:
    """The newest last, eight at most; an intra one begins anew."""
    runtime, box = cast(Any, Plain(faces)), FaceBox.of(faces.landmarks(1), side=256)
    held = decoded(faces, 0, intra=True, box=box).held(runtime, after=None)
    assert held.face is not None
    assert held.faces == (held.face,)
    np.testing.assert_array_equal(held.face.picture, faces.noise(0))
    chain = [held]
    for name in range(1, 11):
        chain.append(decoded(faces, name, intra=False, box=box).held(runtime, after=chain[-1]))
        assert chain[-1].faces == tuple(one.face for one in chain)[-FACES_HELD:]
    assert len(chain[-1].faces) == FACES_HELD
    again = decoded(faces, 3, intra=True, box=box).held(runtime, after=chain[-1])
    assert again.faces == (again.face,)


def test_a_reference_without_a_face_keeps_those_before_it(faces: Any) -> None:
    runtime, box = cast(Any, Plain(faces)), FaceBox.of(faces.landmarks(1), side=256)
    first = decoded(faces, 0, intra=True, box=box).held(runtime, after=None)
    second = decoded(faces, 1, intra=False, box=None).held(runtime, after=first)
    assert second.face is None
    assert second.faces == first.faces
    assert decoded(faces, 2, intra=True, box=None).held(runtime, after=first).faces == ()
