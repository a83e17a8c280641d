"""Stages 1 to 10, what a command line needs of its process."""
