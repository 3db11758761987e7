"""What tells the weights of two networks apart."""

from __future__ import annotations

import hashlib

from unetscope.network.unet import UNet


def network_fingerprint(net: UNet) -> str:
    """A short hash of a network's weights, to tell cached features of different nets apart."""
    digest = hashlib.sha256(repr(net.config).encode())
    for name, tensor in sorted(net.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
