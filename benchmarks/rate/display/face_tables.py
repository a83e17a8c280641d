"""Stage 10, display (offline): what codecs do to faces, as tables in the terminal."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.quality.face_scores import FaceScores
from benchmarks.rate.results.face_rows import FaceRow, Interval, PooledFaceRow, pooled_rows
from benchmarks.rate.results.rows import RateRow, mean_rows

Column = tuple[str, str, int, float]  # the figure's name, its heading, digits, what it is multiplied by

FACE: tuple[Column, ...] = (
    ("landmark_percent", "landm\n%", 2, 1),
    ("mouth_r", "mouth\nr", 3, 1),
    ("mouth_error", "mouth\nerr %", 2, 1),
    ("eye_r", "eye\nr", 3, 1),
    ("eye_error", "eye\nerr %", 2, 1),
    ("blinks_seen", "blinks\nseen %", 0, 100),
    ("false_blinks", "false\n%", 0, 100),
    ("false_of_open", "of open\n%", 1, 100),
    ("gaze_percent", "gaze\n%", 2, 1),
    ("lips_percent", "lips\n%", 2, 1),
    ("lids_percent", "eyes\n%", 2, 1),
    ("mouth_psnr_db", "mouth\ndB", 2, 1),
    ("mouth_lpips", "mouth\nLPIPS", 3, 1),
    ("eyes_psnr_db", "eyes\ndB", 2, 1),
    ("eyes_lpips", "eyes\nLPIPS", 3, 1),
)
CONTROLS: tuple[Column, ...] = (
    ("opening_psnr_db", "mouth dB,\nopenings", 2, 1),
    ("opening_lpips", "mouth LPIPS,\nopenings", 3, 1),
    ("blink_psnr_db", "eyes dB,\nblinks", 2, 1),
    ("blink_lpips", "eyes LPIPS,\nblinks", 3, 1),
    ("shuffled_mouth_r", "mouth r,\nshuffled", 3, 1),
    ("shuffled_eye_r", "eye r,\nshuffled", 3, 1),
    ("shuffled_blinks_seen", "blinks seen %,\nshuffled", 0, 100),
)
BOUNDED = ("landmark_percent", "mouth_r", "eye_r", "blinks_seen", "false_blinks", "gaze_percent", "lips_percent",
           "lids_percent", "mouth_psnr_db", "mouth_lpips", "eyes_psnr_db", "eyes_lpips")  # fmt: skip
NAMES = ("codec", "setting")
BESIDE = ("kbps", "PSNR", "LPIPS", "ident.")


def _figure(value: float | None, digits: int, scale: float = 1) -> str:
    return "-" if value is None else f"{scale * value:.{digits}f}"


def _bounds(interval: Interval | None, digits: int, scale: float) -> str:
    return "-" if interval is None else "..".join(_figure(end, digits, scale) for end in interval)


def _table(title: str, headings: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in headings:
        table.add_column(heading, justify="left" if heading in NAMES else "right", no_wrap=True)
    return table


def _cells(scores: FaceScores, columns: Sequence[Column]) -> list[str]:
    return [_figure(getattr(scores, name).value, digits, scale) for name, _, digits, scale in columns]


def face_table(pairs: Sequence[tuple[RateRow, FaceScores]], *, title: str) -> Table:
    """Rate and quality of each row, its face, and its milliseconds a frame."""
    table = _table(title, [*NAMES, *BESIDE, *(heading for _, heading, *_ in FACE), "enc\nms", "dec\nms"])
    for row, scores in pairs:
        beside = [_figure(row.kbps, 1), _figure(row.psnr_db, 2), _figure(row.lpips, 3), _figure(row.identity, 3)]
        times = [_figure(row.encode_ms, 1), _figure(row.decode_ms, 1)]
        table.add_row(row.codec, row.setting, *beside, *_cells(scores, FACE), *times)
    return table


def control_table(rows: Sequence[PooledFaceRow]) -> Table:
    """What does not lean on the mesh, where it matters, and what the scores are worth at the wrong moments."""
    table = _table("faces, controls", [*NAMES, *(heading for _, heading, *_ in CONTROLS)])
    for row in rows:
        table.add_row(row.codec, row.setting, *_cells(row.scores, CONTROLS))
    return table


def interval_table(rows: Sequence[PooledFaceRow]) -> Table:
    """95 % intervals over clips."""
    columns = [column for column in FACE if column[0] in BOUNDED]
    title = "faces, 95 % intervals over clips (bootstrap)"
    table = _table(title, [*NAMES, *(heading for _, heading, *_ in columns)])
    for row in rows:
        cells = [_bounds(row.intervals[name], digits, scale) for name, _, digits, scale in columns]
        table.add_row(row.codec, row.setting, *cells)
    return table


def _pairs(rates: Sequence[RateRow], scores: dict[tuple[str, str], FaceScores]) -> list[tuple[RateRow, FaceScores]]:
    return [(row, scores[row.codec, row.setting]) for row in rates if (row.codec, row.setting) in scores]


def show_faces(rates: Sequence[RateRow], faces: Sequence[FaceRow], console: Console) -> None:
    """All tables of a run's faces; nothing where they were not measured."""
    if not faces:
        return
    clips = list(dict.fromkeys(row.clip for row in faces))
    for clip in clips:
        scores = {(row.codec, row.setting): row.scores for row in faces if row.clip == clip}
        console.print(face_table(_pairs([row for row in rates if row.clip == clip], scores), title=f"{clip}, face"))
    pooled = pooled_rows(faces)
    if len(clips) > 1:
        means = {(row.codec, row.setting): row.scores for row in pooled}
        console.print(face_table(_pairs(mean_rows(rates), means), title=f"faces, {len(clips)} clips"))
    console.print(control_table(pooled))
    if any(interval is not None for row in pooled for interval in row.intervals.values()):
        console.print(interval_table(pooled))
