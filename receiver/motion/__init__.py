"""Stages 6 to 9, motion: messages -> decoded frames, each with the time at which it is shown."""
