"""Both ends, meter: each second's figures as lines of a table of 80 columns, and news as lines with the time of day."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

from rich.console import Console

from signaling.printable import printable

__all__ = ["LEVELS", "Level", "MeterTable"]

Level = Literal["debug", "info", "warning", "error"]
LEVELS: tuple[Level, ...] = ("debug", "info", "warning", "error")
_LONGEST = 600  # characters of news: a path may be long
_HEADING_EVERY = 20  # lines
_COLUMNS = ("payload", 7, "kbps"), ("packet", 7, "kbps"), ("wire", 7, "kbps"), ("back", 6, "kbps"), ("fps", 5, "/s")
_LAST = ("PSNR", 5, "dB"), ("loss", 5, "%"), ("delay", 5, "ms")
_HEADING = (
    " ".join([" time carries   codec    ", *(f"{name:>{width}}" for name, width, _ in (*_COLUMNS, *_LAST))]),
    " ".join(["    s                    ", *(f"{unit:>{width}}" for _, width, unit in (*_COLUMNS, *_LAST))]),
)


class MeterTable:
    """Owns a console and what was printed last on it. Nothing is wrapped; ms by stage stand where there is room.

    News and figures are printed up to `level` "info", what goes wrong always. `clock` is that of the day, in seconds.
    """

    def __init__(self, console: Console, *, level: Level = "info", clock: Callable[[], float] = time.time) -> None:
        self._console = console
        self._talks = LEVELS.index(level) <= LEVELS.index("info")
        self._clock = clock
        self._rows = 0
        self._mode: str | None = None

    def say(self, text: str) -> None:
        """One line of news; what a peer or a server had a hand in cannot move the cursor."""
        if self._talks:
            moment = time.strftime("%H:%M:%S", time.localtime(self._clock()))
            self._line(f"{moment} {printable(text, longest=_LONGEST)}")

    def fail(self, text: str) -> None:
        """The one line that says what went wrong."""
        self._line(printable(text, longest=_LONGEST))

    def carries(self, mode: str) -> None:
        """Which mode the call is in; told when it changes."""
        if self._mode is not None and mode != self._mode:
            self.say(f"{mode} carries the call" if mode != "compare" else "both codecs are sent")
        self._mode = mode

    def row(
        self,
        figures: Mapping[str, Any],
        kind: str,
        *,
        loss: float | None,
        delay_ms: float | None,
        stages_ms: Mapping[str, float],
        style: str | None = None,
        end: str = "",
    ) -> None:
        """The figures of one codec, whose picture is shown where there is a style; nothing where there are none yet.

        `end` says of whom they are, where there are several, in place of what carries the call.
        """
        flow = figures[kind]
        if not self._talks or not (flow["fps"] or flow["payload_kbps"]):
            return
        if self._rows % _HEADING_EVERY == 0:
            for heading in _HEADING:
                self._line(heading, style="bold")
        self._rows += 1
        psnr, lost = _or_dash(flow["psnr_db"], "5.1f"), _or_dash(None if loss is None else 100 * loss, "5.1f")
        text = (
            f"{figures['time_s']:5.0f} {end or figures['mode']:9}{'*' if style else ' '}{kind:9} "
            f"{flow['payload_kbps']:7.1f} {flow['packet_kbps']:7.1f} {flow['wire_kbps']:7.1f} "
            f"{flow['wire_back_kbps']:6.1f} {flow['fps']:5.1f} {psnr} {lost} {_or_dash(delay_ms, '5.0f')}"
        )
        stages = "  ".join(f"{name} {ms:.0f}" for name, ms in stages_ms.items())
        fits = len(text) + 2 + len(stages) <= self._console.width
        self._line(f"{text}  {stages}".rstrip() if fits else text, style=style)

    def _line(self, text: str, *, style: str | None = None) -> None:
        self._console.print(text, markup=False, soft_wrap=True, style=style)


def _or_dash(value: float | None, form: str) -> str:
    return f"{'-':>5}" if value is None else f"{value:{form}}"
