"""Receiver, errors: what a receiver can say to its user in one line.

ReceiverError
  OptionsError (ValueError)  an option, or a combination of options, that makes no sense
  DisplayError               the pictures cannot be shown or written where they should
  DecodingError              the thread that decodes met what it should never meet
"""

from signaling import errors as signaling

__all__ = ["DecodingError", "DisplayError", "OptionsError", "ReceiverError"]


class ReceiverError(Exception):
    """Anything at the receiving end that ends the program with one line."""


class OptionsError(ReceiverError, signaling.OptionsError):
    """An option, or a combination of options, that makes no sense."""


class DecodingError(ReceiverError):
    """Decoding failed by something that is neither damage nor a peer's doing."""


class DisplayError(ReceiverError):
    """No display to open a window on, a file that cannot be written, or either hangs."""
