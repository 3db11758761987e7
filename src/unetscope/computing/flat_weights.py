"""All weights of a network in one piece of memory: one call, not one for every layer.

A U-Net has dozens of small tensors. Clipping, AdamW, averaging and casting cost more in calls than
in arithmetic when they are done for each of them; on one flat vector they give the same numbers.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class FlatWeights:
    """A network's weights and gradients as vectors, of which its parameters become views.

    Parameters
    ----------
    net : its parameters are moved into the vectors, in place.
    dtype : of the working copy that is multiplied; float32 needs none.

    Attributes
    ----------
    master : (n,) float32 parameter, what the optimiser changes; its ``grad`` is ``gradient``.
    gradient : (n,) float32, which autograd adds to.
    working : by parameter name, the weights as they were at the last :meth:`refresh`.
    gradients : by parameter name, views of ``gradient``.
    """

    def __init__(self, net: nn.Module, dtype: torch.dtype = torch.float32) -> None:
        self.dtype = dtype
        vector = flattened(net)
        self.master = nn.Parameter(vector)
        self.gradient = torch.zeros_like(vector)
        self.master.grad = self.gradient
        self._copy = vector if dtype == vector.dtype else vector.to(dtype)
        parameters = dict(net.named_parameters())
        self.working = _views(self._copy, parameters)
        self.gradients = _views(self.gradient, parameters)
        for name, parameter in parameters.items():
            parameter.grad = self.gradients[name]

    def refresh(self) -> None:
        """Bring the working copy up to date."""
        if self._copy.dtype != self.master.dtype:
            self._copy.copy_(self.master.detach())


def flattened(net: nn.Module) -> Tensor:
    """(n,) float32: the parameters of ``net`` in one vector, of which they become views."""
    parameters = dict(net.named_parameters())
    size = sum(p.numel() for p in parameters.values())
    vector = torch.empty(size, device=next(iter(parameters.values())).device)
    for name, view in _views(vector, parameters).items():
        view.copy_(parameters[name].detach())
        parameters[name].data = view
    return vector


def _views(vector: Tensor, like: dict[str, nn.Parameter]) -> dict[str, Tensor]:
    """Pieces of ``vector`` in the shapes of the parameters; 2D kernels lie with channels last."""
    views = {}
    pieces = vector.split([p.numel() for p in like.values()])
    for (name, parameter), piece in zip(like.items(), pieces, strict=True):
        if parameter.ndim == 4:
            outputs, inputs, y, x = parameter.shape
            views[name] = piece.view(outputs, y, x, inputs).permute(0, 3, 1, 2)
        else:
            views[name] = piece.view(parameter.shape)
    return views
