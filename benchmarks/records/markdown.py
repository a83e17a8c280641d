"""Stage 10, display (offline): figures of a results file as the section of a document that is made from it."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.errors import ResultsError


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lines of a table, the first column to the left and the others to the right."""
    rule = ["---", *("---:" for _ in header[1:])]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, rule, *rows))


def figures_section(lines: Sequence[str], header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """What a results file says, as `replace_section` puts it into a document: its conditions, then its table."""
    conditions = "\n".join(f"- {line}" for line in lines)
    return f"\n{conditions}\n\n{markdown_table(header, rows)}\n"


def replace_section(path: Path, name: str, text: str) -> None:
    """Puts `text` between the comments `name figures` and `end of name figures` of a document.

    Raises ResultsError when it has no such section, OSError when it cannot be read or written.
    """
    begin, end = f"<!-- {name} figures -->", f"<!-- end of {name} figures -->"
    before, found, rest = path.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ResultsError(f"{path}: has no section between {begin} and {end}")
    path.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")
