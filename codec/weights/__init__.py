"""Stages 3 and 9, weights: the files of learnt numbers, and how they are read."""
