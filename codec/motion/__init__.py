"""Stages 3 and 4, motion: the numbers of a frame's motion, optical flow, and the motion residual."""
