"""Stage 10, meter: the figures of each second as lines in the terminal and as a line of JSON."""

from rich.console import Console
from rich.table import Table

from receiver.errors import OptionsError
from receiver.meter import Figures
from signaling.meter_lines import MeterLines
from signaling.printable import printable
from signaling.transport.costs import KINDS, Kind

__all__ = ["Terminal"]

HEADING_EVERY = 20  # lines
_LONGEST = 600  # characters of news: a path may be long
HEADING = "    time  showing    codec      payload  packet    wire   (back)   fps   PSNR   loss    delay  ms by stage"


class Terminal:
    """Prints figures and news to standard error; owns the JSON file. Raises OptionsError if that cannot be written."""

    def __init__(self, *, json_path: str = "", console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._lines = 0
        self._last: Figures | None = None
        self._json = MeterLines(json_path, error=OptionsError)

    def say(self, text: str) -> None:
        """One line of news; what a peer or a server had a hand in cannot move the cursor."""
        self._console.print(printable(text, longest=_LONGEST), markup=False, soft_wrap=True)

    def show(self, figures: Figures) -> None:
        """One second's figures: a line for each codec that has pictures or bytes."""
        self._last = figures
        self._json.write(figures)
        for kind in KINDS:
            if figures[kind]["fps"] or figures[kind]["payload_kbps"]:
                if self._lines % HEADING_EVERY == 0:
                    self._console.print(HEADING, style="bold", soft_wrap=True)
                self._lines += 1
                style = "green" if figures["showing"] == kind else None
                self._console.print(line(figures, kind), markup=False, soft_wrap=True, style=style)

    def summary(self) -> None:
        """The call that has just ended, as a table; nothing if there were no pictures."""
        figures, self._last = self._last, None
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


def line(figures: Figures, kind: Kind) -> str:
    """One codec's figures as a line under `HEADING`; the picture shown is marked with a star."""
    flow = figures[kind]
    stages = "  ".join(f"{name} {ms:.0f}" for name, ms in figures["stages_ms"].items()) if kind == "keypoints" else ""
    delay = "      -" if flow["delay_ms"] is None else f"{flow['delay_ms']:4.0f} ms"
    psnr = "     -" if flow["psnr_db"] is None else f"{flow['psnr_db']:6.2f}"
    mark = "*" if figures["showing"] == kind else " "
    return (
        f"{figures['time_s']:6.0f} s  {figures['mode']:9}{mark} {kind:9}  {flow['payload_kbps']:7.2f} "
        f"{flow['packet_kbps']:7.2f} {flow['wire_kbps']:7.2f} ({flow['wire_back_kbps']:6.2f}) "
        f"{flow['fps']:5.1f} {psnr}  {flow['loss']:5.1%}  {delay}  {stages}"
    ).rstrip()
