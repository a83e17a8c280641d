"""The error tree of the codec: everything that a file, a peer or a user can cause has a name here.

    CodecError
    |-- ConfigError (ValueError)      a setting outside its range
    |-- PictureError (ValueError)     a picture of the wrong shape or type
    |-- BitstreamError (ValueError)   bytes that no encoder of ours wrote
    |   |-- TruncatedError            ... that end too early
    |   `-- VersionError              ... of a version or weights this build does not know
    |-- ReferenceMissing              a frame names a reference (or a bundle mate) the decoder does not hold
    |-- WeightsError                  a weight file is absent, damaged or of another shape
    |-- ExtraMissing                  a package is not installed that only an extra asks for
    `-- MediaError                    a video file cannot be read or written
        `-- FaceNotFound              ... holds no face to crop to

None of them leaves an `Encoder` or a `Decoder` unusable.
"""


class CodecError(Exception):
    """Whatever the codec reports about data or settings it was given."""


class ConfigError(CodecError, ValueError):
    """A setting is outside its range."""


class PictureError(CodecError, ValueError):
    """A picture has the wrong shape or type."""


class BitstreamError(CodecError, ValueError):
    """Bytes are malformed."""


class TruncatedError(BitstreamError):
    """Bytes end before the syntax does."""


class VersionError(BitstreamError):
    """Bytes are of a version, or were made with weights, that this build does not know."""


class ReferenceMissing(CodecError):
    """The reference, or the earlier frame of the bundle, that a frame builds on is not held."""


class WeightsError(CodecError):
    """A weight file is absent, damaged or does not fit the networks."""


class ExtraMissing(CodecError):
    """A package is not installed, or does not work here, that only an extra asks for."""


class MediaError(CodecError):
    """A video cannot be opened, read or written."""


class FaceNotFound(MediaError):
    """No face was found in a video that should be cropped to one."""
