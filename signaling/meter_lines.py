"""Both ends, meter: the figures of each second as lines of JSON, in a file or on standard output."""

import json
import sys
from pathlib import Path
from typing import IO, Any

__all__ = ["MeterLines"]


class MeterLines:
    """Owns the file that `--json` names; "-" is standard output, "" nothing. Raises `error` if it cannot be opened."""

    def __init__(self, path: str, *, error: type[Exception]) -> None:
        self._file: IO[str] | None = None
        if path == "-":
            self._file = sys.stdout
        elif path:
            try:
                self._file = Path(path).open("a", encoding="utf-8")  # noqa: SIM115 -- closed by close()
            except OSError as caught:
                raise error(f"--json {path}: {caught.strerror}") from None

    def write(self, figures: dict[str, Any]) -> None:
        """One line, there at once for whoever follows the file."""
        if self._file is not None:
            self._file.write(json.dumps(figures) + "\n")
            self._file.flush()

    def close(self) -> None:
        """Closes the file; standard output stays open."""
        if self._file is not None and self._file is not sys.stdout:
            self._file.close()
