"""Measuring sync: `python -m benchmarks sync`, how far sound and pictures are apart where they are heard and shown."""
