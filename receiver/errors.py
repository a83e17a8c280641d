"""Receiver, errors: what a receiver can say to its user in one line.

ReceiverError
  OptionError (ValueError)   an option that makes no sense
  DisplayError               the pictures cannot be shown or written where they should
"""

__all__ = ["DisplayError", "OptionError", "ReceiverError"]


class ReceiverError(Exception):
    """Anything at the receiving end that ends the program with one line."""


class OptionError(ReceiverError, ValueError):
    """An option that makes no sense."""


class DisplayError(ReceiverError):
    """No display to open a window on, or a file that cannot be written."""
