"""Stage 10, display: where pictures and sound go: the window, files, a camera for other programs."""
