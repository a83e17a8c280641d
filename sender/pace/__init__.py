"""Stages 4 to 6, pace: what the line carries, shared out among sound, motion, references and H.264."""

from sender.pace.levers import SenderLevers, pace_keyframes
from sender.pace.pacer import Pacer

__all__ = ["Pacer", "SenderLevers", "pace_keyframes"]
