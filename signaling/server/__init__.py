"""Signaling, server: rooms over WebSocket in which a sender and a receiver find each other, open to strangers."""

from signaling.server.rendezvous import SignalingServer, listening
from signaling.server.settings import ServerSettings

__all__ = ["ServerSettings", "SignalingServer", "listening"]
