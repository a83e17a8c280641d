"""Stages 1 and 2, pictures: video files, face boxes, crops, and how near two pictures are."""
