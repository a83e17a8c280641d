"""Measuring, the clips: what is measured on, and the clip that ships."""
