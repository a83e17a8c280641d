"""Stage 10, meter: the figures of each second as lines in the terminal and as a line of JSON."""

from rich.console import Console
from rich.table import Table

from receiver.errors import OptionsError
from receiver.figures.meter import Figures
from signaling.programs.meter_lines import MeterLines
from signaling.programs.meter_table import Level, MeterTable
from signaling.transport.costs import KINDS

__all__ = ["Terminal"]


class Terminal:
    """Prints figures and news to standard error; owns the JSON file. Raises OptionsError if that cannot be written."""

    def __init__(self, *, json_path: str = "", level: Level = "info", console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._table = MeterTable(self._console, level=level)
        self._last: dict[str, Figures] = {}
        self._json = MeterLines(json_path, error=OptionsError)

    def say(self, text: str) -> None:
        """One line of news, with the time."""
        self._table.say(text)

    def show(self, figures: Figures, *, end: str = "") -> None:
        """One second's figures: a line for each codec that has pictures or bytes. `end` tells several ends apart."""
        self._last[end] = figures
        self._json.write({**figures, "end": end} if end else figures)
        self._table.carries(figures["mode"])
        for kind in KINDS:
            flow, stages = figures[kind], figures["stages_ms"] if kind == "keypoints" else {}
            style = "green" if figures["showing"] == kind else None
            told = {"loss": flow["loss"], "delay_ms": flow["delay_ms"]}
            self._table.row(figures, kind, **told, stages_ms=stages, style=style, end=end)

    def summary(self, *, end: str = "") -> None:
        """The call that has just ended, as a table; nothing if there were no pictures."""
        figures = self._last.pop(end, None)
        if figures is None or not any(figures[kind]["totals"].get("frames") for kind in KINDS):
            return
        seconds = max(figures["time_s"], 1e-3)
        table = Table(title=f"received in {seconds:.0f} s", caption="payload, packet, wire and back in kbps")
        for heading in ("codec", "frames", "payload", "packet", "wire", "back", "loss"):
            table.add_column(heading, justify="left" if heading == "codec" else "right", no_wrap=True)
        for kind in KINDS:
            totals = figures[kind]["totals"]
            rates = [
                f"{totals.get(name, 0) * 8 / 1000 / seconds:.2f}"
                for name in ("payload_bytes", "packet_bytes", "wire_bytes", "wire_back_bytes")
            ]
            loss = totals.get("lost", 0) / max(1, totals.get("expected", 0))
            table.add_row(kind, str(totals.get("frames", 0)), *rates, f"{loss:.1%}")
        self._console.print(table)

    def close(self) -> None:
        """Closes the JSON file."""
        self._json.close()
