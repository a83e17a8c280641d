"""Stages 4, 8 and 9, windows: mouth and eyes drawn from the references held, where landmarks say they are."""
