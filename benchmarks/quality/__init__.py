"""Measuring quality: PSNR, SSIM, LPIPS, expressions, landmarks, identity.

metrics.py measures pictures, with lpips.py; faces.py measures faces (face_mesh.py, expression.py, windows.py,
identity.py) frame by frame (face_frames.py), face_scores.py says what that makes of a clip; metric_networks.py loads
what they need; eyes_and_mouth.py finds what sheets enlarge.
"""
