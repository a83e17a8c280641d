"""Stage 6, meter: the figures of each second as a line in the terminal and as a line of JSON."""

from rich.console import Console
from rich.table import Table

from sender.errors import OptionsError
from sender.meter import Figures
from signaling.meter_lines import MeterLines
from signaling.printable import printable
from signaling.transport.costs import KINDS

__all__ = ["Display"]

_HEADING_EVERY = 20  # lines
_LONGEST = 600  # characters of news: a path may be long
_STAGES = ("face", "crop", "motion", "flow", "generate", "entropy", "reference", "total", "h264")


class Display:
    """Prints figures; owns the JSON file."""

    def __init__(self, *, json_path: str = "", console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False, emoji=False)
        self._lines = 0
        self._json = MeterLines(json_path, error=OptionsError)

    def say(self, text: str) -> None:
        """One line of news; what a peer or a server had a hand in cannot move the cursor."""
        self._console.print(printable(text, longest=_LONGEST), markup=False, soft_wrap=True)

    def show(self, figures: Figures) -> None:
        """One second's figures."""
        self._json.write(figures)
        if self._lines % _HEADING_EVERY == 0:
            self._console.print(
                "    time  sent as    codec      payload  packet    wire   (back)   fps   PSNR   loss    delay  ms",
                style="bold",
                soft_wrap=True,
            )
        self._lines += 1
        for kind in KINDS:
            if figures[kind]["fps"] or figures[kind]["psnr_db"] is not None:
                self._console.print(_line(figures, kind), markup=False, soft_wrap=True)

    def summary(self, figures: Figures) -> None:
        """The whole call as a table, from its last figures."""
        seconds = figures.get("time_s", 0.0)
        if not seconds:
            return
        table = Table(title=f"sent in {seconds:.0f} s")
        for heading in ("codec", "frames", "payload kbps", "packet kbps", "wire kbps", "back kbps", "messages"):
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


def _line(figures: Figures, kind: str) -> str:
    flow, receiver, stages = figures[kind], figures["receiver"], figures["stages_ms"]
    own = ("h264",) if kind == "h264" else _STAGES[:-1]
    shown = " ".join(f"{name} {stages[name]:.0f}" for name in own if name in stages)
    loss = "    -" if receiver["loss"] is None else f"{receiver['loss']:5.1%}"
    delay = "      -" if receiver["delay_ms"] is None else f"{receiver['delay_ms']:4.0f} ms"
    psnr = "     -" if flow["psnr_db"] is None else f"{flow['psnr_db']:6.2f}"
    return (
        f"{figures['time_s']:6.0f} s  {figures['mode']:9}  {kind:9}  {flow['payload_kbps']:7.2f} "
        f"{flow['packet_kbps']:7.2f} {flow['wire_kbps']:7.2f} ({flow['wire_back_kbps']:6.2f}) "
        f"{flow['fps']:5.1f} {psnr}  {loss}  {delay}  {shown}"
    )
