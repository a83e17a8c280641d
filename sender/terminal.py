"""Stage 6, meter: the figures of each second as a line in the terminal and as a line of JSON."""

from rich.console import Console
from rich.table import Table

from sender.errors import OptionsError
from sender.meter import Figures
from signaling.programs.meter_lines import MeterLines
from signaling.programs.meter_table import Level, MeterTable
from signaling.transport.costs import KINDS

__all__ = ["Display"]

_STAGES = ("face", "crop", "motion", "flow", "generate", "entropy", "reference", "total")


class Display:
    """Prints figures; owns the JSON file."""

    def __init__(self, *, json_path: str = "", level: Level = "info", console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False, emoji=False)
        self._table = MeterTable(self._console, level=level)
        self._json = MeterLines(json_path, error=OptionsError)

    def say(self, text: str) -> None:
        """One line of news, with the time."""
        self._table.say(text)

    def fail(self, text: str) -> None:
        """The one line that says what went wrong."""
        self._table.fail(text)

    def show(self, figures: Figures) -> None:
        """One second's figures."""
        self._json.write(figures)
        self._table.carries(figures["mode"])
        receiver, stages = figures["receiver"], figures["stages_ms"]
        for kind in KINDS:
            own = ("h264",) if kind == "h264" else _STAGES
            shown = {name: stages[name] for name in own if name in stages}
            self._table.row(figures, kind, loss=receiver["loss"], delay_ms=receiver["delay_ms"], stages_ms=shown)

    def summary(self, figures: Figures) -> None:
        """The whole call as a table, from its last figures."""
        seconds = figures.get("time_s", 0.0)
        if not seconds:
            return
        table = Table(title=f"sent in {seconds:.0f} s", caption="payload, packet, wire and back in kbps")
        for heading in ("codec", "frames", "payload", "packet", "wire", "back", "messages"):
            table.add_column(heading, justify="left" if heading == "codec" else "right")
        for kind in KINDS:
            totals = figures[kind]["totals"]
            rates = [
                f"{totals.get(name, 0) * 8 / 1000 / max(seconds, 1e-3):.2f}"
                for name in ("payload_bytes", "packet_bytes", "wire_bytes", "wire_back_bytes")
            ]
            table.add_row(kind, str(totals.get("frames", 0)), *rates, str(totals.get("messages", 0)))
        self._console.print(table)

    def close(self) -> None:
        """Closes the JSON file."""
        self._json.close()
