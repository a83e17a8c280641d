"""Stages 7 to 9, from nothing: import the codec, show one coded frame; python -m benchmarks.speed.cold_start FRAME N.

FRAME is a file with the bytes of a keyframe, and a number of threads follows it. Prints where the time went, as JSON;
`python -m benchmarks speed` takes the wall time of the whole process, interpreter included, from outside.
"""

import json
import sys
import time


def main() -> int:
    """Decodes the frame in the file that the command line names."""
    start_s = time.perf_counter()
    from codec import CodecConfig, CodedFrame, Decoder

    with open(sys.argv[1], "rb") as file:
        coded = CodedFrame.parse(file.read())
    assert coded.reference is not None
    assert coded.reference.opening is not None, "only a keyframe can be shown first"
    imported_s = time.perf_counter()
    decoder = Decoder(CodecConfig(size=coded.reference.opening.size, threads=int(sys.argv[2])))
    made_s = time.perf_counter()
    decoder.decode(coded)
    shown_s = time.perf_counter()
    spent_s = {"import": imported_s - start_s, "decoder": made_s - imported_s, "first frame": shown_s - made_s}
    print(json.dumps(spent_s))
    return 0


if __name__ == "__main__":
    sys.exit(main())
