"""Perception: how alike two videos are, to a measure (PSNR, SSIM) and to a network (LPIPS). For figures."""
