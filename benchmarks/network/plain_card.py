"""Stage 6, transport, measured: `python -m benchmarks.network.plain_card eth0`: a network card that leaves nothing out.

Between namespaces of one machine the kernel spares itself the checksums, and segments that a card would cut; what a
bridge in user space takes from it would then be broken at the other end. Run on the host that the card is of.
"""

import array
import fcntl
import socket
import struct
import sys

SIOCETHTOOL = 0x8946  # linux/sockios.h
OFFLOADS = {"tx checksums": 0x17, "tcp segments": 0x1F, "segments": 0x24}  # ETHTOOL_STXCSUM, STSO, SGSO: ethtool.h


def make_plain(interface: str) -> None:
    """Turns the offloads off. Raises OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        for number in OFFLOADS.values():
            value = array.array("B", struct.pack("II", number, 0))
            request = struct.pack("16sP", interface.encode(), value.buffer_info()[0])
            fcntl.ioctl(line, SIOCETHTOOL, request)


if __name__ == "__main__":
    make_plain(sys.argv[1])
