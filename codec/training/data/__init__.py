"""Training, data: clips, labels, augmentation, pairs of pictures, coded references, recordings."""
