"""Stage 6, transport: attaches the three channels to an RTCPeerConnection, ours or the app's.

The channels are negotiated out of band (RFC 8832 is not used): both ends call `open_channels` before the offer and the
answer, and the channels meet by their fixed ids. Labels and ids:

    1001 facewire/reference   reliable, ordered
    1003 facewire/motion      unordered, no retransmission
    1005 facewire/control     reliable, ordered

The ids stay clear of the low ones, which implementations hand out to the channels an application opens by itself.
"""

from collections.abc import Sequence
from urllib.parse import unquote

from aiortc import RTCConfiguration, RTCDataChannel, RTCIceServer, RTCPeerConnection
from aiortc.exceptions import InvalidStateError

from signaling.errors import PeerGone
from signaling.transport.channels import Channel, Channels, Ears, check_message

__all__ = ["ice_configuration", "open_channels"]

REFERENCE_ID, MOTION_ID, CONTROL_ID = 1001, 1003, 1005


class PeerChannel(Ears):
    """A Channel on one RTCDataChannel."""

    def __init__(self, data_channel: RTCDataChannel) -> None:
        super().__init__()
        self._data_channel = data_channel
        data_channel.on("message", self._on_message)
        data_channel.on("open", self._on_open)
        data_channel.on("close", self._on_close)

    @property
    def label(self) -> str:
        return self._data_channel.label

    @property
    def is_open(self) -> bool:
        return self._data_channel.readyState == "open"

    @property
    def buffered_amount(self) -> int:
        return self._data_channel.bufferedAmount

    def send(self, data: bytes) -> None:
        check_message(data)
        try:
            self._data_channel.send(data)
        except InvalidStateError:
            raise PeerGone(f"{self.label} is not open") from None

    def close(self) -> None:
        self._data_channel.close()

    def _on_message(self, message: bytes | str) -> None:
        self.hear(message.encode() if isinstance(message, str) else message)

    def _on_open(self) -> None:
        self.tell(True)

    def _on_close(self) -> None:
        self.tell(False)


def open_channels(pc: RTCPeerConnection) -> Channels:
    """Opens the three channels on `pc`. Call it at both ends, before the offer and before the answer.

    `pc` may carry tracks and other channels of the application. Call it once for each connection.
    """

    def channel(label: str, channel_id: int, *, reliable: bool) -> Channel:
        retransmits = None if reliable else 0
        return PeerChannel(
            pc.createDataChannel(label, ordered=reliable, maxRetransmits=retransmits, negotiated=True, id=channel_id)
        )

    return Channels(
        reference=channel("facewire/reference", REFERENCE_ID, reliable=True),
        motion=channel("facewire/motion", MOTION_ID, reliable=False),
        control=channel("facewire/control", CONTROL_ID, reliable=True),
    )


def ice_configuration(*, stun: Sequence[str] = (), turn: Sequence[str] = ()) -> RTCConfiguration:
    """The connection settings for ICE servers given as on the command line.

    `stun` holds `stun:HOST[:PORT]`; `turn` holds `turn:USER:PASSWORD@HOST[:PORT][?transport=udp|tcp]`, or `turns:`,
    user and password percent-encoded where they hold `:`, `@` or `%`. With neither, candidates are of this host alone:
    no server is asked without being named. Raises ValueError on another form.
    """
    return RTCConfiguration(iceServers=[*map(_stun_server, stun), *map(_turn_server, turn)])


def _stun_server(url: str) -> RTCIceServer:
    scheme, _, address = url.partition(":")
    if scheme != "stun" or not address.strip("/"):
        raise ValueError(f"not a STUN server: {url!r} (expected stun:HOST[:PORT])")
    return RTCIceServer(urls=f"stun:{address.strip('/')}")


def _turn_server(url: str) -> RTCIceServer:
    scheme, _, rest = url.partition(":")
    login, at, address = rest.removeprefix("//").rpartition("@")
    user, colon, password = login.partition(":")
    if scheme not in ("turn", "turns") or not (at and colon and user and address):
        # The text may hold a password: it is not repeated.
        raise ValueError("not a TURN server (expected turn:USER:PASSWORD@HOST[:PORT])")
    return RTCIceServer(urls=f"{scheme}:{address}", username=unquote(user), credential=unquote(password))
