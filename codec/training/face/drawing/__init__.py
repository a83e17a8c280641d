"""Training, windows: the generators that draw mouth and eyes, and the recordings they learn from."""
