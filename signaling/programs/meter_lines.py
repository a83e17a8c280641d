"""Both ends, meter: the figures of each second as lines of JSON, in a file or on standard output."""

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

__all__ = ["MeterLines"]


class MeterLines:
    """Owns the file that `--json` names; "-" is standard output, "" nothing.

    Raises `error` where it cannot be opened or written; the lines before stay.
    """

    def __init__(self, path: str, *, error: type[Exception]) -> None:
        self._file: IO[str] | None = None
        self._path, self._error = path, error
        if path == "-":
            self._file = sys.stdout
        elif path:
            try:
                self._file = Path(path).open("a", encoding="utf-8")  # noqa: SIM115 -- closed by close()
            except OSError as caught:
                raise error(f"--json {path}: {caught.strerror}") from None

    def write(self, figures: dict[str, Any]) -> None:
        """One line, there at once for whoever follows the file."""
        if self._file is None:
            return
        try:
            self._file.write(json.dumps(figures) + "\n")
            self._file.flush()
        except OSError as caught:
            self.close()
            raise self._error(f"--json {self._path}: cannot be written: {caught.strerror}") from None

    def close(self) -> None:
        """Closes the file; standard output stays open."""
        file, self._file = self._file, None
        if file is not None and file is not sys.stdout:
            with suppress(OSError):  # after an error, of the line that was told of
                file.close()
