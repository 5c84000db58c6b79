"""The autograd route: any encoder and any loss, with gradients by PyTorch; the readable twin of the fast route."""
