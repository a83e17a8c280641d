"""Stage 6, transport: the channels of a stream on an RTCPeerConnection, ours or the app's.

A *stream* is one face on its way: whoever sends it opens its channels in band (RFC 8832), and the other end takes them
as they come. Ids are the transport's to give and labels hold the stream's own name, so a connection carries as many
streams as it likes, in both directions, beside tracks and channels of the application:

    facewire/STREAM/reference   reliable, ordered
    facewire/STREAM/motion      unordered, no retransmission
    facewire/STREAM/control     reliable, ordered
    facewire/STREAM/sound       unordered, no retransmission, where the stream has sound

Applications with channels of their own leave alone what is labelled `facewire/`.
"""

import secrets
from collections.abc import Sequence
from functools import partial
from urllib.parse import unquote

from aiortc import RTCConfiguration, RTCDataChannel, RTCIceServer, RTCPeerConnection
from aiortc.exceptions import InvalidStateError

from signaling.errors import PeerGone
from signaling.transport.channels import Channel, ChannelCallbacks, Channels, check_message
from signaling.transport.insides.internals import bytes_on_their_way
from signaling.transport.insides.settle import settle
from signaling.transport.insides.sockets import extra_bytes
from signaling.transport.insides.timeouts import hurry
from signaling.transport.tap import tapped

__all__ = ["accept_channels", "ice_configuration", "offer_channels"]

_PREFIX = "facewire"
_KINDS = ("reference", "motion", "control", "sound")
_PLACE_ID = 1023  # stays clear of the low ids, which implementations hand out


class PeerChannel(ChannelCallbacks):
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


class IncomingChannel(ChannelCallbacks):
    """A Channel that the other end opens: closed until it does."""

    def __init__(self, label: str) -> None:
        super().__init__()
        self._label = label
        self._opened: PeerChannel | None = None

    @property
    def label(self) -> str:
        return self._label if self._opened is None else self._opened.label

    @property
    def is_open(self) -> bool:
        return self._opened is not None and self._opened.is_open

    @property
    def buffered_amount(self) -> int:
        return 0 if self._opened is None else self._opened.buffered_amount

    def send(self, data: bytes) -> None:
        check_message(data)
        if self._opened is None:
            raise PeerGone(f"{self.label} is not open")
        self._opened.send(data)

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()

    def join(self, opened: PeerChannel) -> None:
        """`opened` is this channel from now on."""
        self._opened = opened
        opened.set_receiver(self.hear)
        opened.set_state(self.tell)


class _Acceptance:
    """Takes the channels of one stream as the other end opens them."""

    def __init__(self, pc: RTCPeerConnection, stream: str) -> None:
        self._pc = pc
        self._stream = stream
        self._channels = {kind: IncomingChannel(f"{_PREFIX}/{stream or '?'}/{kind}") for kind in _KINDS}
        self._joined: set[str] = set()
        pc.on("datachannel", self._on_channel)
        pc.on("connectionstatechange", self._on_state)

    @property
    def channels(self) -> Channels:
        reference, motion, control, sound = (self._channels[kind] for kind in _KINDS)
        return Channels(reference, motion, control, sound=sound)

    def _on_channel(self, data_channel: RTCDataChannel) -> None:
        prefix, _, rest = data_channel.label.partition("/")
        stream, _, kind = rest.rpartition("/")
        if (
            prefix != _PREFIX
            or kind not in self._channels
            or kind in self._joined
            or stream != (self._stream or stream)
        ):
            return
        if data_channel.listeners("message"):
            return  # of a stream that another receiver on this connection has taken
        self._stream = stream
        settle(self._pc)
        self._joined.add(kind)
        self._channels[kind].join(PeerChannel(data_channel))

    def _on_state(self) -> None:
        """A connection that ends before the channels were there ends them all the same."""
        if self._pc.connectionState in ("failed", "closed"):
            for kind, channel in self._channels.items():
                if kind not in self._joined:
                    channel.tell(False)


def offer_channels(pc: RTCPeerConnection, *, stream: str = "", sound: bool = False) -> Channels:
    """Opens the channels of a stream that this end sends, at any time; before the first offer or answer at the latest.

    `stream` is its name, for a receiver that asks for it; "" makes one that no other stream has. With `sound` there is
    a channel for that too, which receivers that know none leave alone. Raises ValueError for
    a name with a slash in it.
    """
    if "/" in stream:
        raise ValueError(f"a stream's name holds no slash: {stream!r}")
    name = stream or secrets.token_hex(4)

    def channel(kind: str, *, reliable: bool) -> Channel:
        retransmits = None if reliable else 0
        return PeerChannel(
            pc.createDataChannel(f"{_PREFIX}/{name}/{kind}", ordered=reliable, maxRetransmits=retransmits)
        )

    reference = channel("reference", reliable=True)
    settle(pc)
    channels = Channels(
        reference=reference,
        motion=channel("motion", reliable=False),
        control=channel("control", reliable=True),
        sound=channel("sound", reliable=False) if sound else None,
        flying=partial(bytes_on_their_way, pc),
        extra=partial(extra_bytes, pc),
        hurry=partial(hurry, pc),
    )
    return tapped(channels)


def accept_channels(pc: RTCPeerConnection, *, stream: str = "", offers: bool = False) -> Channels:
    """The channels of a stream that the other end sends; call it before the connection is there.

    With `stream`, that one; else the first that nobody on this connection has taken. `offers`: this end makes the offer
    without sending anything itself, and so has to make the place for channels in it.
    """
    if offers and pc.sctp is None:
        pc.createDataChannel(_PREFIX, negotiated=True, id=_PLACE_ID)
    return tapped(_Acceptance(pc, stream).channels)


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
