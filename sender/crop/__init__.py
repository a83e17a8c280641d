"""Stage 2, crop: where the face is, and the square that is cut around it."""
