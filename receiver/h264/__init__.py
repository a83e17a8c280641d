"""Stages 7 and 8, the H.264 track: its packets in order, decoded within limits of our own."""
