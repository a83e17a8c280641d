"""Stage 10, meter (offline): rows of one codec at one setting, put together over the clips."""

from collections.abc import Iterable
from typing import Protocol, TypeVar


class Row(Protocol):
    """Something of a codec at a setting on a clip."""

    @property
    def clip(self) -> str: ...
    @property
    def codec(self) -> str: ...
    @property
    def setting(self) -> str: ...


RowT = TypeVar("RowT", bound=Row)


def over_all_clips(rows: Iterable[RowT]) -> dict[tuple[str, str], list[RowT]]:
    """Rows by codec and setting, in order of first appearance.

    What lacks a clip, since its encoder failed there, is left out: its mean would be one over other clips.
    """
    listed = list(rows)
    clips = {row.clip for row in listed}
    groups: dict[tuple[str, str], list[RowT]] = {}
    for row in listed:
        groups.setdefault((row.codec, row.setting), []).append(row)
    return {key: group for key, group in groups.items() if {row.clip for row in group} == clips}
