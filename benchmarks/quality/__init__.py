"""Measuring quality: PSNR, SSIM, LPIPS, landmarks, identity."""
