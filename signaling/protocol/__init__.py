"""Signaling, protocol: the messages two ends exchange, what their fields and numbers may hold, and what ends can do."""
