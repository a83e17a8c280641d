"""Stages 2 to 5, work: which codec, and how much of its work, a machine and a line can do."""
