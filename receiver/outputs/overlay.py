"""Stage 10, display: what a window says beside the picture."""

from dataclasses import dataclass

from receiver.figures.meter import Figures
from receiver.outputs.window import Corner, Words

__all__ = ["HELD_WORDS", "Status", "figures_line", "one_of_several"]

HELD_WORDS = "no new picture comes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How a call stands. `microphone` and `voice` are None where there is none, else whether they are on.

    `held`: the picture on show is an old one, for nothing newer comes. `own_at` is the corner that your own stands in.
    """

    figures: str = ""
    news: str = ""
    held: bool = False
    microphone: bool | None = None
    voice: bool | None = None
    own_at: Corner = "topright"

    def words(self) -> Words:
        """The same, for the window."""
        parts = {"microphone": self.microphone, "voice": self.voice}
        off = {"microphone": "microphone muted", "voice": "sound off"}
        return Words(
            figures=self.figures,
            news=self.news,
            held=HELD_WORDS if self.held else "",
            off=[off[name] for name, on in parts.items() if on is False],
            own=self.own_at,
            can=["snapshot", *(name for name, on in parts.items() if on is not None)],
        )


def figures_line(figures: Figures) -> str:
    """Codec, kbps, pictures a second and delay of one second, in two rows."""
    kind = figures["showing"]
    if kind is None:
        return ""
    flow = figures[kind]
    delay = "" if flow["delay_ms"] is None else f"  {flow['delay_ms']:.0f} ms"
    loss = f"  {flow['loss']:.0%} lost" if flow["loss"] else ""
    rate = f"{flow['payload_kbps']:.1f} kbps  (wire {flow['wire_kbps']:.1f})"
    return f"{'H.264' if kind == 'h264' else kind}  {rate}\n{figures['shown_fps']:.0f} fps{delay}{loss}"


def one_of_several(figures: Figures) -> str:
    """The same of one of several ends, in one row."""
    kind = figures["showing"]
    if kind is None:
        return "no picture yet"
    flow = figures[kind]
    delay = "" if flow["delay_ms"] is None else f"  {flow['delay_ms']:.0f} ms"
    return f"{flow['payload_kbps']:.1f} kbps  {figures['shown_fps']:.0f} fps{delay}"
