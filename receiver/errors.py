"""Receiver, errors: what a receiver can say to its user in one line.

ReceiverError
  OptionsError (ValueError)  an option, or a combination of options, that makes no sense
  DisplayError               the pictures cannot be shown or written where they should
"""

from signaling import errors as signaling

__all__ = ["DisplayError", "OptionsError", "ReceiverError"]


class ReceiverError(Exception):
    """Anything at the receiving end that ends the program with one line."""


class OptionsError(ReceiverError, signaling.OptionsError):
    """An option, or a combination of options, that makes no sense."""


class DisplayError(ReceiverError):
    """No display to open a window on, a file that cannot be written, or either hangs."""
