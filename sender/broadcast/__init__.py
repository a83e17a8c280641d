"""Stage 1 to 6, broadcast: one sender, many viewers."""

from sender.broadcast.attach import broadcast_face
from sender.broadcast.broadcast import FaceBroadcast
from sender.broadcast.viewer import Viewer

__all__ = ["FaceBroadcast", "Viewer", "broadcast_face"]
