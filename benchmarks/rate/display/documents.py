"""Stage 10, display (offline): tables of documents, kept as results files have them.

A table says in the comment right above it where its figures come from:

    <!-- figures: rate-256.json -->                rows of codecs, of one clip or in the mean
    <!-- figures: before=old.json now=new.json -->  the same, by what stands under `version`
    <!-- figures: partly rate-256.json -->         the same; rows that the file lacks stay as they are
    <!-- gains: rate-256.json svtav1 -->           BD-rates against an anchor, by clip
    <!-- gains: rate-256.json VVC of facewire, perceptual -->  the same of another codec than facewire as it comes

Which rows and columns there are is the document's; what stands in them is the file's. Columns that are none of a
file's keep their text, and so do the rows of a version that no file is named for.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from benchmarks.errors import ResultsError
from benchmarks.rate.report import Run
from benchmarks.rate.results.comparison import Comparison, compare
from benchmarks.rate.results.face_rows import pooled_rows
from benchmarks.rate.results.rows import FACEWIRE, MEAN, RateRow, mean_rows

_MARK = re.compile(r"<!-- (figures|gains): (.+) -->")
_BELOW = re.compile(r"PSNR, below (\d+) kbps")

_OF_ROWS: dict[str, tuple[str, str]] = {
    "payload kbps": ("kbps", ".1f"),
    "kbps": ("kbps", ".1f"),
    "wire kbps": ("wire_kbps", ".1f"),
    "PSNR dB": ("psnr_db", ".2f"),
    "XPSNR dB": ("xpsnr_db", ".2f"),
    "VMAF": ("vmaf", ".1f"),
    "MS-SSIM": ("ms_ssim", ".3f"),
    "LPIPS": ("lpips", ".3f"),
    "identity": ("identity", ".3f"),
    "landmarks %": ("landmark_percent", ".2f"),
    "motion B/frame": ("motion_bytes_per_frame", ".1f"),
    "first keyframe B": ("first_keyframe_bytes", ".0f"),
}
_OF_FACES: dict[str, tuple[str, str]] = {
    "mouth r": ("mouth_r", ".2f"),
    "eye r": ("eye_r", ".2f"),
    "blinks seen %": ("blinks_seen", ".0%"),
    "false %": ("false_blinks", ".0%"),
    "lips %": ("lips_percent", ".2f"),
    "eyes %": ("lids_percent", ".2f"),
    "gaze %": ("gaze_percent", ".1f"),
    "mouth dB": ("mouth_psnr_db", ".1f"),
    "eyes dB": ("eyes_psnr_db", ".1f"),
    "mouth LPIPS": ("mouth_lpips", ".3f"),
    "eyes LPIPS": ("eyes_lpips", ".3f"),
}
_OF_GAINS = {
    "PSNR": "bd_rate_psnr",
    "XPSNR": "bd_rate_xpsnr",
    "MS-SSIM": "bd_rate_ms_ssim",
    "LPIPS": "bd_rate_lpips",
    "VMAF": "bd_rate_vmaf",
}
_CALLED = {"SVT-AV1 preset 8": "svtav1", "SVT-AV1 preset 4": "svtav1-p4", "VP9": "vp9"}  # in documents
_Cells = dict[str, str]  # by what stands over their column


def files_named(text: str) -> list[str]:
    """The results files that the tables of a document are made from."""
    marks = [mark[2] for mark in _MARK.finditer(text)]
    return list(dict.fromkeys(word.rpartition("=")[2] for mark in marks for word in mark.split() if ".json" in word))


def refreshed(text: str, run: Run, *, file: str) -> str:
    """A document with the figures of one results file as that has them.

    Raises ResultsError for a row that the file does not have.
    """
    lines = text.split("\n")
    for number, line in enumerate(lines):
        mark = _MARK.fullmatch(line)
        if mark is None or file not in re.split(r"[ =]", mark[2]):
            continue
        end = next((at for at in range(number + 1, len(lines)) if not lines[at].startswith("|")), len(lines))
        filled = _gains if mark[1] == "gains" else _figures
        lines[number + 1 : end] = filled(lines[number + 1 : end], mark[2].split(), run, file)
    return "\n".join(lines)


def _figures(table: Sequence[str], named: Sequence[str], run: Run, file: str) -> Iterator[str]:
    versions = {word.partition("=")[0] for word in named if word.rpartition("=")[2] == file}
    by_clip = {(row.clip, row.codec, row.setting): row for row in (*run.rows, *mean_rows(run.rows))}
    faces = {(row.codec, row.setting): row.scores for row in pooled_rows(run.faces)}

    def found(cells: _Cells) -> _Cells:
        if "version" in cells and cells["version"] not in versions:
            return {}
        row = next((by_clip[key] for key in _keys_of(cells) if key in by_clip), None)
        if row is None and "partly" in named:
            return {}
        if row is None:
            raise ResultsError(f"{file} has no row for {', '.join(_keys_of(cells)[-1])}")
        told = {name: _told(getattr(row, key), form) for name, (key, form) in _OF_ROWS.items()}
        scores = faces.get((row.codec, row.setting)) if row.clip == MEAN else None
        if scores is not None:
            told |= {name: _told(getattr(scores, key).value, form) for name, (key, form) in _OF_FACES.items()}
        return told

    return _rewritten(table, found)


def _gains(table: Sequence[str], named: Sequence[str], run: Run, file: str) -> Iterator[str]:
    anchor, codec = named[1], " ".join(named[3:]) or FACEWIRE
    groups: dict[str, list[RateRow]] = {MEAN: mean_rows(run.rows)}
    for row in run.rows:
        groups.setdefault(row.clip, []).append(row)

    def found(cells: _Cells) -> _Cells:
        if cells["clip"] not in groups:
            raise ResultsError(f"{file} has no clip {cells['clip']}")
        below = next((float(mark[1]) for name in cells if (mark := _BELOW.fullmatch(name))), None)
        one = compare(groups[cells["clip"]], clip=cells["clip"], anchor=anchor, below_kbps=below, codec=codec)
        return _deltas(one)

    return _rewritten(table, found)


def _deltas(one: Comparison) -> _Cells:
    told = {name: str(getattr(one, key) or "-") for name, key in _OF_GAINS.items()}
    if one.below_kbps is not None:
        told[f"PSNR, below {one.below_kbps:g} kbps"] = str(one.bd_rate_psnr_below)
    return told


def _rewritten(table: Sequence[str], found: Callable[[_Cells], _Cells]) -> Iterator[str]:
    """The table with what is found for each row's cells."""
    header = _split(table[0])
    yield from table[:2]
    for line in table[2:]:
        cells = dict(zip(header, _split(line), strict=True))
        told = found(cells)
        yield "| " + " | ".join(told.get(name, text) for name, text in cells.items()) + " |"


def _split(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _keys_of(cells: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Clip, codec and setting that a row may be of: where no column is for settings, they follow one of the commas."""
    clip, codec = cells.get("clip", MEAN), cells["codec"]
    if "setting" in cells:
        return [(clip, _CALLED.get(codec, codec), cells["setting"])]
    parts = codec.split(", ")
    cuts = [(", ".join(parts[:cut]), ", ".join(parts[cut:])) for cut in range(1, len(parts))] or [(codec, "")]
    return [(clip, _CALLED.get(codec, codec), setting) for codec, setting in cuts]


def _told(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form).rstrip("%")
