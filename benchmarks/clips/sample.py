"""Stage 1, capture (bundled input): animates a public-domain portrait into the sample clip.

    python -m benchmarks.clips.sample [OUT.mp4]

The picture is NASA's portrait of Eileen Collins as scikit-image ships it (`skimage.data.astronaut`, no known
copyright restrictions, released into the public domain). It is cut into three layers: a background that stands still,
a body that sways, and a head that turns over a depth field of an ellipsoid with a nose. The expression is drawn on the
head before it turns: lids slide over the eyes, the lower lip and jaw move against the teeth, brows rise. Every period
divides the clip's length, so the clip loops without a jump.
"""

import argparse
import math
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]  # (S, S, 3), 0..255
Field = NDArray[np.float32]  # (S, S)

SIZE = 512
FPS = 25
SECONDS = 10
SAMPLE = Path(__file__).parent / "data" / "sample.mp4"

CROP = (slice(0, 224), slice(112, 336))  # head and collar of the portrait, as a call would frame them
HEAD_CENTRE = (262.0, 230.0)
HEAD_RADII = (172.0, 205.0, 105.0)  # x, y, depth of the ellipsoid, px
NECK = (256.0, 425.0)  # what the head rolls and nods about
MOUTH_X = 255.0

# Outlines in pixels of the 512x512 crop, traced by eye once.
# fmt: off
LIP_LOWER = ((207, 320), (215, 329), (225, 336), (238, 340.5), (252, 342), (265, 341), (280, 336.5), (292, 330),
             (303, 322))
LIP_UPPER = ((207, 319), (215, 320.5), (225, 324), (238, 327.5), (252, 329), (265, 328.5), (280, 326),
             (292, 322.5), (303, 321))
EYES = (
    (
        ((181, 231), (190, 224), (200, 221), (210, 220.5), (220, 223), (228, 230), (234, 237)),
        ((181, 231), (192, 236), (203, 239.5), (213, 239.5), (224, 238), (234, 237)),
    ),
    (
        ((282, 240), (290, 232), (298, 228), (308, 226), (318, 227), (328, 231), (338, 239)),
        ((282, 240), (292, 242), (303, 244), (313, 244), (323, 243), (330, 241), (338, 239)),
    ),
)
BROWS = ((207.0, 206.0), (317.0, 213.0))
NECK_OUTLINE = ((150, 270), (158, 310), (163, 345), (168, 395), (182, 420), (215, 434), (255, 440), (300, 437),
                (326, 427), (331, 385), (345, 340), (362, 300), (372, 270))
# fmt: on


@dataclass(frozen=True, slots=True)
class Pose:
    """What the speaker does at one instant. Angles in radians, shifts in pixels of the 512 picture."""

    yaw: float
    pitch: float
    roll: float
    shift: tuple[float, float]
    sway: tuple[float, float]
    jaw: float  # -1 lips closed .. 0 as photographed .. 1 wide open
    pucker: float  # 0..1
    blink: float  # 0 open .. 1 closed
    brow: float  # px upwards


@dataclass(frozen=True, slots=True)
class Layers:
    """The portrait taken apart: colours, and the mattes (0..1) of the two moving layers."""

    background: Image
    body: Image
    body_matte: Field
    head: Image
    head_matte: Field


def _grid() -> tuple[Field, Field]:
    ys, xs = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)
    return xs, ys


XS, YS = _grid()


def _smoothstep(low: float, high: float, value: Field) -> Field:
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def _curve(points: tuple[tuple[float, float], ...]) -> Field:
    """A traced outline as y per column, held flat beyond its ends. # (S,)"""
    x, y = np.array(points, np.float32).T
    dense = np.interp(np.arange(SIZE, dtype=np.float32), x, y).astype(np.float32)
    smooth: Field = np.convolve(np.pad(dense, 3, mode="edge"), np.full(7, 1 / 7, np.float32), mode="valid")
    return smooth


def _sample(image: NDArray[np.float32], xs: Field, ys: Field) -> NDArray[np.float32]:
    warped = cv2.remap(image, xs, ys, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.float32)


def _blend(below: Image, above: Image, matte: Field) -> Image:
    return below + (above - below) * matte[..., None]


def _person_mask(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Speaker against backdrop by GrabCut (Rother et al. 2004), seeded with an ellipse around head and collar."""
    mask = np.full((SIZE, SIZE), cv2.GC_BGD, np.uint8)
    cv2.ellipse(mask, (264, 190), (185, 168), 0, 0, 360, cv2.GC_PR_FGD, -1)
    cv2.rectangle(mask, (0, 330), (SIZE, SIZE), cv2.GC_PR_FGD, -1)
    cv2.ellipse(mask, (264, 180), (145, 125), 0, 0, 360, cv2.GC_FGD, -1)
    cv2.rectangle(mask, (165, 270), (350, 420), cv2.GC_FGD, -1)
    cv2.ellipse(mask, (238, 520), (165, 160), 0, 0, 360, cv2.GC_FGD, -1)
    cv2.setRNGSeed(7)
    unused = (0, 0, SIZE, SIZE)
    colours = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(np.ascontiguousarray(picture[..., ::-1]), mask, unused, *colours, 6, cv2.GC_INIT_WITH_MASK)
    found = ((mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(found)
    largest = 1 + int(np.argmax(stats[1:count, cv2.CC_STAT_AREA]))
    return np.asarray(labels == largest)


def _fill(picture: NDArray[np.uint8], hole: NDArray[np.bool_], *, blur: float) -> Image:
    """The picture with `hole` painted in from its rim."""
    small = cv2.resize(picture, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    small_hole = cv2.resize(hole.astype(np.uint8), None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    small_hole = cv2.dilate(np.maximum(small_hole, (small_hole > 0).astype(np.uint8)), np.ones((3, 3), np.uint8))
    painted = cv2.inpaint(small, small_hole, 5, cv2.INPAINT_TELEA)
    painted = cv2.resize(painted, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    painted = cv2.GaussianBlur(painted, (0, 0), blur)
    soft = cv2.GaussianBlur(cv2.dilate(hole.astype(np.float32), np.ones((5, 5))), (0, 0), 2.0)
    return _blend(picture.astype(np.float32), np.asarray(painted, np.float32), np.asarray(soft, np.float32))


def cut_layers(portrait: NDArray[np.uint8]) -> Layers:
    """Takes the (512, 512, 3) RGB crop apart into background, body and head."""
    person = _person_mask(portrait)
    neck = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(neck, [np.array(NECK_OUTLINE, np.int32)], 1)
    head = person & ((YS < 300) | (neck > 0))
    grown = cv2.dilate(head.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    body_seen = (person & ~head) | ((YS > 420) & person)
    behind_neck = grown & (YS > 338 + 0.376 * (XS - 165))  # the collar's rim, drawn on behind the neck
    body_region = (body_seen | behind_neck) & (YS > 335)
    colour = portrait.astype(np.float32)
    return Layers(
        background=_fill(portrait, cv2.dilate(person.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0, blur=6.0),
        body=_fill(portrait, (grown & (YS < 440)) | ~person, blur=2.0),
        body_matte=np.asarray(cv2.GaussianBlur(body_region.astype(np.float32), (0, 0), 1.2), np.float32),
        head=colour,
        head_matte=np.asarray(cv2.GaussianBlur(head.astype(np.float32), (0, 0), 1.2), np.float32),
    )


def _blink(face: Image, amount: float) -> Image:
    """Pulls the skin between brow and lashes down over each eye; the lash line ends on the lower lid."""
    if amount <= 0:
        return face
    for upper_points, lower_points in EYES:
        upper, lower = _curve(upper_points), _curve(lower_points)
        left, right = upper_points[0][0], upper_points[-1][0]
        inside = ((XS[0] >= left) & (XS[0] <= right)).astype(np.float32)
        gap = np.maximum(lower - upper, 0) * inside * amount  # (S,)
        fold, edge, lash = upper - 11, upper - 2, upper + 3  # skin that stays, lid's edge, tips of the lashes
        stretched = fold + (YS - fold) * (edge - fold) / (edge + gap - fold)
        source = np.where(edge + gap < YS, YS - gap, np.where(fold < YS, stretched, YS))
        lid = _sample(face, XS, source.astype(np.float32))
        face = _blend(face, lid, np.clip(lash + gap - YS + 0.5, 0, 1) * (gap > 0.2))
    return face


def _raise_brows(face: Image, pixels: float) -> Image:
    lift = np.zeros_like(XS)
    for x, y in BROWS:
        lift += np.exp(-(((XS - x) / 42) ** 2) - ((YS - y) / 13) ** 2)
    return _sample(face, XS, (YS + pixels * np.minimum(lift, 1)).astype(np.float32))


def _speak(face: Image, jaw: float, pucker: float) -> Image:
    """Moves the lower lip and jaw against the teeth, uncovering the mouth, then draws the lips together."""
    lower, upper = _curve(LIP_LOWER), _curve(LIP_UPPER)
    width = 49 + 46 * _smoothstep(322, 400, YS)
    bell = np.cos(np.clip(np.abs(XS - MOUTH_X) / width, 0, 1) * (math.pi / 2)) ** 2
    if jaw >= 0:
        drop = 17 * jaw * bell * (1 - _smoothstep(398, 438, YS))
    else:
        drop = 1.06 * jaw * np.maximum(lower - upper, 0) * (1 - 0.9 * _smoothstep(345, 410, YS))
    moved_y = (YS - drop).astype(np.float32)
    moved = _sample(face, XS, moved_y)
    depth = _smoothstep(0, 16, YS - lower)[..., None]
    cavity = np.array((44, 14, 14), np.float32) + depth * np.array((70, 28, 30), np.float32)
    uncovered = np.clip(YS - lower + 0.5, 0, 1) * np.clip(drop, 0, 1)
    still = _blend(face, cavity.astype(np.float32), uncovered.astype(np.float32))
    spoken = _blend(still, moved, np.clip(moved_y - lower + 0.5, 0, 1))
    pull = 0.22 * pucker * np.exp(-(((XS - MOUTH_X) / 62) ** 2) - ((YS - 335) / 34) ** 2)
    return _sample(spoken, (XS + pull * (XS - MOUTH_X)).astype(np.float32), YS)


def _head_map(pose: Pose) -> tuple[Field, Field]:
    """Where each output pixel of the turned head comes from: the forward motion, inverted by fixed-point iteration."""
    cx, cy = HEAD_CENTRE
    rx, ry, rz = HEAD_RADII
    hold = _smoothstep(445, 385, YS)  # the neck goes with the head above, with the body below
    xs, ys = XS, YS
    for _ in range(4):
        x, y = xs - cx, ys - cy
        z = rz * np.sqrt(np.clip(1 - (x / rx) ** 2 - (y / ry) ** 2, 0, None))
        z = z + 20 * np.exp(-(((xs - 258) / 22) ** 2) - ((ys - 283) / 26) ** 2)
        dx = x * (math.cos(pose.yaw) - 1) + z * math.sin(pose.yaw) + pose.shift[0]
        dy = y * (math.cos(pose.pitch) - 1) + z * math.sin(pose.pitch) + pose.shift[1]
        dx = dx - (ys - NECK[1]) * math.sin(pose.roll)
        dy = dy + (xs - NECK[0]) * math.sin(pose.roll)
        xs = (XS - dx * hold - pose.sway[0] * (1 - hold)).astype(np.float32)
        ys = (YS - dy * hold - pose.sway[1] * (1 - hold)).astype(np.float32)
    return xs, ys


def render(layers: Layers, pose: Pose) -> NDArray[np.uint8]:
    """One frame of the clip. # (512, 512, 3) uint8 RGB"""
    face = _raise_brows(layers.head, pose.brow)
    face = _speak(_blink(face, pose.blink), pose.jaw, pose.pucker)
    xs, ys = _head_map(pose)
    body_x, body_y = XS - pose.sway[0], YS - pose.sway[1]
    body_matte = np.clip(_sample(layers.body_matte, body_x, body_y), 0, 1)
    picture = _blend(layers.background, _sample(layers.body, body_x, body_y), body_matte)
    picture = _blend(picture, _sample(face, xs, ys), np.clip(_sample(layers.head_matte, xs, ys), 0, 1))
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def _wave(t: float, *terms: tuple[int, float, float]) -> float:
    """Sum of (cycles per clip, amplitude, phase) sines: periodic over the clip."""
    return sum(a * math.sin(2 * math.pi * n * t / SECONDS + p) for n, a, p in terms)


def _blink_at(t: float) -> float:
    """Closes in 80 ms, opens in 160 ms."""
    for start in (1.3, 3.9, 5.1, 8.2):
        since = t - start
        if 0 <= since < 0.32:
            return min(since / 0.08, 1.0) if since < 0.16 else 1 - (since - 0.16) / 0.16
    return 0.0


def pose_at(t: float) -> Pose:
    """The performance at `t` seconds: two phrases of speech with pauses between, glances, nods."""
    talking = 0.5 + 0.5 * math.tanh(6 * (_wave(t, (2, 1.0, -0.7)) + 0.55))
    syllables = _wave(t, (37, 0.55, 0.0), (23, 0.35, 1.0), (53, 0.2, 2.2))
    jaw = talking * (0.12 + 0.75 * syllables) + (1 - talking) * (-0.55 + _wave(t, (3, 0.35, 1.5)))
    nod = talking * _wave(t, (11, 0.022, 0.4), (7, 0.02, 2.0))
    return Pose(
        yaw=_wave(t, (2, 0.10, 0.3), (3, 0.055, 1.1), (7, 0.014, 0.0)),
        pitch=_wave(t, (1, 0.045, 2.0), (4, 0.03, 0.5)) + nod,
        roll=_wave(t, (2, 0.03, 1.9), (5, 0.012, 0.2)),
        shift=(_wave(t, (2, 5.0, 0.2), (3, 2.5, 0.9)), _wave(t, (3, 2.5, 0.3), (8, 0.8, 0.0))),
        sway=(_wave(t, (2, 2.2, 0.1)), _wave(t, (3, 1.2, 0.0))),
        jaw=max(-1.0, min(1.0, jaw)),
        pucker=max(0.0, talking * _wave(t, (13, 0.6, 0.5), (19, 0.5, 0.0))),
        blink=_blink_at(t),
        brow=max(-1.5, _wave(t, (3, 2.5, 0.8), (5, 2.0, 2.5))),
    )


def load_portrait() -> NDArray[np.uint8]:
    """The crop the clip is made from. # (512, 512, 3) uint8 RGB; needs scikit-image"""
    crop = np.asarray(import_module("skimage.data").astronaut())[CROP]
    return np.asarray(cv2.resize(crop, (SIZE, SIZE), interpolation=cv2.INTER_LANCZOS4), np.uint8)


def write_clip(path: Path, *, frames: int = FPS * SECONDS) -> None:
    """Renders the clip as H.264 yuv420p."""
    layers = cut_layers(load_portrait())
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "20", "preset": "veryslow", "threads": "1"})
        stream.width = stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(render(layers, pose_at(index / FPS)), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def main() -> None:
    parser = argparse.ArgumentParser(description="Renders the bundled sample clip from a public-domain portrait.")
    parser.add_argument("output", type=Path, nargs="?", default=SAMPLE)
    output: Path = parser.parse_args().output
    write_clip(output)
    print(f"{output}: {output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
