"""Stages 4 and 8, reference: the pictures that are warped, as AV1 or H.264, and their colour."""
