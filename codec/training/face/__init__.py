"""Training of the face's networks: landmarks, the expression basis, and the generators of mouth and eyes."""
