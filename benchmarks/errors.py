"""Measuring: the errors of the benchmarks.

BenchmarkError
|-- CallTooShort       a call over loopback ended before there was anything to measure
|-- ClipError          a file is not a video, or too short or too small to measure
|-- EncoderFailed      an anchor's encoder refused, died, came to a halt again and again, or held a picture back
|-- NetsMissing        a file or directory named for a metric does not hold its networks
|-- ProcessFailed      a process that was started ended with an error, or said nothing for too long (calls/)
|-- ResultsError       a file is not what a benchmark wrote, or two of them share nothing
|-- StreamError        a competitor's coded stream is missing, is no video, or is not of its clip
|-- SettingError (ValueError)   no such anchor, no QP, two clips of one name, more cores than there are
"""


class BenchmarkError(Exception):
    """Whatever a user of the benchmarks can cause; the command line prints it in one line."""


class CallTooShort(BenchmarkError):
    """A call over loopback ended before there was anything to measure."""


class ClipError(BenchmarkError):
    """A file is not a video, or is too short or too small to measure."""


class EncoderFailed(BenchmarkError):
    """An anchor's encoder refused, died or came to a halt again and again, or held a picture back."""


class NetsMissing(BenchmarkError):
    """A file or directory named for a metric does not hold its networks, or they are damaged."""


class ResultsError(BenchmarkError):
    """A file is not what a benchmark wrote, or two of them share no clip and setting."""


class SettingError(BenchmarkError, ValueError):
    """An anchor that is unknown or that FFmpeg lacks, no QP, two clips of one name, more cores than there are."""


class StreamError(BenchmarkError):
    """A competitor's coded stream is missing, is no video, or does not have the pictures of its clip."""
