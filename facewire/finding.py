"""All stages, what was tried of them on this machine and what came of it, in plain words."""

from dataclasses import dataclass

from signaling.printable import printable

__all__ = ["Finding"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried: whether it works, what was seen, and what to do where it does not."""

    name: str
    works: bool
    seen: str
    advice: str
    needed: bool = True  # without it there is no call
    else_marked: str = "slow"  # where it does not work and is not needed

    def __str__(self) -> str:
        mark = "ok  " if self.works else ("FAIL" if self.needed else self.else_marked)
        return f"{mark}  {self.name}: {printable(self.seen, longest=400)}"
