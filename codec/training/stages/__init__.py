"""Training, stages: what is trained in turn, and the losses."""
