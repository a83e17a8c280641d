"""Signaling, printable: text and errors that somebody else had a hand in, made fit for one line of a terminal or a log.

What a peer, a server or a file wrote may hold escape sequences that move the cursor or retitle the window, line breaks
that fake a line of ours, and figures of hundreds of digits.
"""

__all__ = ["printable", "reason_of"]

_LONGEST = 160  # characters: what a line leaves room for


def printable(text: str, *, longest: int = _LONGEST) -> str:
    """`text` in one line of at most `longest` characters: what cannot be printed becomes a space, the rest is cut."""
    shown = "".join(character if character.isprintable() else " " for character in text[: 4 * longest])
    shown = " ".join(shown.split())
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def reason_of(error: BaseException) -> str:
    """What went wrong, in one line: the error's own words, or its kind where it has none."""
    return printable(getattr(error, "strerror", None) or str(error)) or type(error).__name__
