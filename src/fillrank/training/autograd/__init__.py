"""The plain route: any encoder and any loss, with gradients by PyTorch; the readable twin of the fast one."""
