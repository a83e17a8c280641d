"""Measuring quality: PSNR, SSIM, LPIPS, landmarks, identity.

metrics.py measures, with lpips.py and faces.py (face_mesh.py, identity.py); metric_networks.py loads what they need;
eyes_and_mouth.py finds what sheets enlarge.
"""
