"""Stages 6 to 10, through an SFU: a viewer of what Janus forwards."""
