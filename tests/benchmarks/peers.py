"""What others do with the same network: engines, sliding windows, and nnU-Net's own network.

All of them are optional; what is not installed gives None, and the report says so.
"""

from __future__ import annotations

import importlib.util
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from unetscope.computing.machine import Engine, Machine
from unetscope.network.unet import UNet

Pass = Callable[[Tensor], Tensor]

# Windows of 512 px and the ways MONAI blends them: its default, and what nnU-Net does.
SLIDING = {"MONAI, overlap 0.25": (0.25, "constant"), "MONAI, gaussian 0.5": (0.5, "gaussian")}
WINDOW_PX = 512


def there(module: str) -> bool:
    """Whether an optional package is installed."""
    return importlib.util.find_spec(module) is not None


def openvino(net: UNet, precision: str) -> Pass | None:
    """Our OpenVINO engine."""
    return Machine("cpu", Engine("openvino", precision)).net(net) if there("openvino") else None


def onnxruntime(net: UNet, side: int) -> Pass | None:
    """ONNX Runtime, float32, all optimisations, as many threads as torch has."""
    if not (there("onnxruntime") and there("onnx")):
        return None
    import onnxruntime as runtime

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "net.onnx"
        picture = torch.zeros(1, net.config.in_channels, side, side)
        torch.onnx.export(net, (picture,), str(path), input_names=["image"], dynamo=False)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = runtime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    return lambda image: torch.from_numpy(session.run(None, {"image": image.numpy()})[0])


def monai(net: Pass, form: str) -> Pass | None:
    """MONAI's sliding window over an image (1, channel, y, x)."""
    if not there("monai"):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from monai.inferers import sliding_window_inference

    overlap, mode = SLIDING[form]

    def run(image: Tensor) -> Tensor:
        window = (WINDOW_PX, WINDOW_PX)
        answer: Tensor = sliding_window_inference(image, window, 1, net, overlap=overlap, mode=mode)
        return answer

    return run


def nnunet_network() -> nn.Module | None:
    """The 2D network nnU-Net plans for images of this kind: six stages, instance norm."""
    if not there("dynamic_network_architectures"):
        return None
    from dynamic_network_architectures.architectures.unet import PlainConvUNet

    net = PlainConvUNet(
        1, 6, (32, 64, 128, 256, 512, 512), nn.Conv2d, 3, (1, 2, 2, 2, 2, 2), 2, 2, 2,
        conv_bias=True, norm_op=nn.InstanceNorm2d, norm_op_kwargs={"eps": 1e-5, "affine": True},
        nonlin=nn.LeakyReLU, nonlin_kwargs={"inplace": True},
    )  # fmt: skip
    return net.eval().requires_grad_(False)


def gflop_of(net: nn.Module, image: Tensor) -> float:
    """Multiplications and additions of one pass, in 10⁹, as torch counts them."""
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with counter, torch.inference_mode():
        net(image)
    return float(counter.get_total_flops()) / 1e9


def in_bf16(net: Pass) -> Pass:
    """``net`` under torch's autocast."""

    def run(image: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return net(image).float()

    return run
