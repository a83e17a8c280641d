"""Stage 1 to 6, errors: what can go wrong at the sending end.

    SenderError
      SourceError               the camera, file, stream or screen cannot be opened, or gives no picture
      OptionsError (ValueError) an option, or a combination of options, that makes no sense
      FallbackError             this machine's PyAV cannot encode H.264

Each carries one line of text that can be shown to a user as it stands. What goes wrong on the way to the other end is
`signaling.errors`, what goes wrong inside the codec `codec.errors`.
"""

from signaling import errors as signaling

__all__ = ["FallbackError", "OptionsError", "SenderError", "SourceError"]


class SenderError(Exception):
    """Anything that goes wrong at the sending end."""


class SourceError(SenderError):
    """The source of pictures cannot be opened, or broke."""


class OptionsError(SenderError, signaling.OptionsError):
    """An option, or a combination of options, that makes no sense."""


class FallbackError(SenderError):
    """No H.264 encoder to fall back to."""
