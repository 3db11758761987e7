"""AdamW on one vector, against torch's."""

from __future__ import annotations

import subprocess
import sys

import torch

from unetscope.computing.adamw import FlatAdamW


def test_the_weights_are_those_of_torchs_adamw() -> None:
    generator = torch.Generator().manual_seed(0)
    ours = torch.nn.Parameter(torch.randn(500, generator=generator))
    theirs = torch.nn.Parameter(ours.detach().clone())
    own = FlatAdamW(ours, weight_decay=0.02)
    reference = torch.optim.AdamW([theirs], lr=1e-2, weight_decay=0.02)
    for turn in range(30):
        ours.grad = torch.randn(500, generator=generator) * 10.0 ** (turn % 5 - 3)
        theirs.grad = ours.grad.clone()
        rate = 1e-2 / (1 + turn)
        reference.param_groups[0]["lr"] = rate
        own.step(rate)
        reference.step()
    assert torch.allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_the_compiler_of_torch_is_not_imported_for_it() -> None:
    code = (
        "import sys, torch\n"
        "from unetscope.computing.adamw import FlatAdamW\n"
        "weights = torch.zeros(3); weights.grad = torch.ones(3)\n"
        "FlatAdamW(weights, weight_decay=0.0).step(1e-3)\n"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
