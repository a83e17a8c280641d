"""Stages 5 and 6, references: when a keyframe may be had, when pieces may leave, what is confirmed of them."""
