"""Stages 4 to 6, the H.264 track: coded while it is wanted, sent as a track of packets, resent within bounds."""
