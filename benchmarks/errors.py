"""Measuring: the errors of the benchmarks.

BenchmarkError
|-- ClipError          a file is not a video, or too short or too small to measure
|-- NetsMissing        the directory named for LPIPS does not hold the two networks
|-- SettingError (ValueError)   an unknown anchor, no QP, two clips of one name
"""


class BenchmarkError(Exception):
    """Whatever a user of the benchmarks can cause; the command line prints it in one line."""


class ClipError(BenchmarkError):
    """A file is not a video, or is too short or too small to measure."""


class NetsMissing(BenchmarkError):
    """The directory named for LPIPS does not hold the two networks, or they are damaged."""


class SettingError(BenchmarkError, ValueError):
    """An unknown anchor, an empty list of QPs, two clips of one name."""
