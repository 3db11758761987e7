"""Networks made ready: other layers, other engines, the same answer."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from learning.small_scenes import blobs, sample, small_model
from unetscope.computing import fused, precision
from unetscope.computing import machine as machines
from unetscope.computing.fused import FusedConv, PairMaximum, onednn_fuses
from unetscope.computing.machine import Engine, Machine, fused_copy, settled
from unetscope.computing.precision import equal_enough, inference_precision
from unetscope.errors import ModelError
from unetscope.images.micrograph import Micrograph, as_micrograph
from unetscope.learning.events import TileDone
from unetscope.learning.instant import fit_instant
from unetscope.learning.pixel_model import PixelModel, TunedNetwork
from unetscope.learning.prediction import PredictOptions, predict_probabilities, predict_tiles
from unetscope.network.channels import with_classes
from unetscope.network.unet import UNet, UNetConfig, initialise

CORE = (slice(17, 50), slice(8, 41))


def net_of(seed: int = 1, *, ndim: int = 2, norm: str = "none", classes: int = 3) -> UNet:
    net = initialise(UNet(UNetConfig(ndim, 1, classes, (4, 6, 8), norm=norm)), seed)  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(seed)
    for module in net.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.BatchNorm3d)):
            assert module.running_mean is not None and module.running_var is not None
            module.running_mean.normal_(generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
    return settled(net)


def answered(model: PixelModel, image: Micrograph, machine: Machine) -> np.ndarray:
    options = PredictOptions(tile_px=64, probabilities=True)
    out = np.zeros((len(model.classes), *image.spatial_shape), np.float32)
    for event in predict_tiles(model, image, options, machine=machine):
        assert isinstance(event, TileDone) and event.probabilities is not None
        out[(slice(None), *event.region)] = event.probabilities
    return out


def picture(*sides: int) -> Tensor:
    return torch.rand(1, 1, *sides, generator=torch.Generator().manual_seed(2))


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    precision._found.clear()
    yield
    precision._found.clear()


# ---- the fused copy


@pytest.mark.parametrize("fuses", [True, False], ids=["oneDNN", "layers"])
@pytest.mark.parametrize(("ndim", "sides"), [(2, (64, 72)), (3, (8, 24, 16))])
@pytest.mark.parametrize("norm", ["none", "batch", "group"])
def test_a_fused_copy_answers_as_the_network(norm, ndim, sides, fuses, monkeypatch) -> None:
    monkeypatch.setattr(fused, "onednn_fuses", lambda: fuses)
    net, image = net_of(ndim=ndim, norm=norm), picture(*sides)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    fast = fused_copy(net, "cpu", "fp32")
    expected, found = net(image), fast(image)
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()
    assert torch.equal(found.argmax(1), expected.argmax(1))
    convolutions = [m for m in fast.modules() if isinstance(m, FusedConv)]
    assert convolutions and all(m.fuses == (fuses and norm != "group") for m in convolutions)
    after = net.state_dict()  # the model's own network is not touched
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_taps_and_cores_of_a_fused_copy_are_those_of_the_network() -> None:
    net, image = net_of(), picture(64, 64)
    expected, found = (
        net.taps(image, ["dec1", "dec2"]),
        Machine("cpu", Engine("torch", "fp32")).net(net),
    )
    maps = found.taps(image, ["dec1", "dec2"], CORE)
    assert torch.allclose(maps["dec1"], expected["dec1"][..., 17:50, 8:41], atol=1e-5)
    assert torch.allclose(maps["dec2"], expected["dec2"][..., 8:25, 4:21], atol=1e-5)
    assert torch.allclose(found(image, CORE), net(image)[..., 17:50, 8:41], atol=1e-5)


def test_pairs_give_the_same_maximum_as_pooling() -> None:
    flat, deep = picture(6, 8) - 0.5, picture(4, 6, 8) - 0.5
    assert torch.equal(PairMaximum()(flat), nn.functional.max_pool2d(flat, 2))
    assert torch.equal(PairMaximum()(deep), nn.functional.max_pool3d(deep, 2))


def test_without_the_private_operator_the_layers_are_used(monkeypatch) -> None:
    def gone(*_: object) -> Tensor:
        raise AttributeError("no _convolution_pointwise")

    monkeypatch.setattr(fused, "_convolution_relu", gone)
    assert onednn_fuses.__wrapped__() is False
    wrong = lambda maps, weight, bias, *_: nn.functional.conv2d(maps, weight, bias, padding=1)  # noqa: E731
    monkeypatch.setattr(fused, "_convolution_relu", wrong)
    assert onednn_fuses.__wrapped__() is False


def test_a_gradient_goes_through_what_only_answers() -> None:
    net, image = net_of(), picture(32, 32)
    gradients = []
    for either in (net, Machine("cpu", Engine("torch", "fp32")).net(net)):
        asked = image.clone().requires_grad_(True)
        either(asked).square().sum().backward()
        gradients.append(asked.grad)
    assert gradients[0] is not None and gradients[0].abs().max() > 0
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-3, atol=1e-5)


def test_bf16_says_what_fp32_says() -> None:
    net, image = net_of(), picture(64, 64)
    rounded = Machine("cpu", Engine("torch", "bf16")).net(net)(image)
    assert rounded.dtype == torch.float32 and not torch.equal(rounded, net(image))
    assert (
        Machine("cpu", Engine("torch", "bf16")).net(net).taps(image, ["dec1"])["dec1"].dtype
        == torch.bfloat16
    )
    assert equal_enough(net(image), rounded)


def test_a_copy_is_made_once_and_goes_with_its_network() -> None:
    net, machine = net_of(), Machine("cpu")
    first = machine.net(net)
    assert machine.net(net) is first
    assert machine.net(net_of()) is not first
    assert Machine("cpu").net(net) is not first  # nobody else has it
    assert [*machine._copies.values()] == [first]
    del net
    assert len(machine._copies) == 0


def test_unknown_engines_and_places_are_refused(monkeypatch) -> None:
    with pytest.raises(ModelError, match="'tensorrt'"):
        Engine("tensorrt")
    with pytest.raises(ModelError, match="'fp8'"):
        Engine("torch", "fp8")
    with pytest.raises(ModelError, match="'mps'"):
        monkeypatch.setattr(machines, "choose_device", lambda wanted: wanted)
        Machine("mps", Engine("openvino"))


def test_a_model_made_ready_says_what_the_model_says() -> None:
    model = fit_instant(small_model(), [sample()], with_forest=False)
    net = settled(initialise(with_classes(model.features.backbone, 2), 7))
    model = replace(model, network=TunedNetwork(net, (1, 2), 0.5))
    image, cut = as_micrograph(blobs((90, 70), 3)[0]), PredictOptions(tile_px=64, device="cpu")
    expected = predict_probabilities(model, image, cut)
    exact = answered(model, image, Machine("cpu", Engine()))
    rounded = answered(model, image, Machine("cpu", Engine("torch", "bf16")))
    assert np.abs(exact - expected).max() < 1e-4
    assert 0 < np.abs(rounded - expected).max() < 0.1


# ---- the probe


class Clock:
    """Time passes only in the passes of the network: so long in fp32, so long in bf16."""

    def __init__(self, fp32: float, bf16: float) -> None:
        self.now, self.reads = 0.0, 0
        self.lasts = {0: fp32, 1: bf16}

    def __call__(self) -> float:
        return self.now

    def passing(self, half: bool) -> None:
        self.reads += 1
        disturbed = 10.0 if self.reads in (3, 4) else 1.0
        self.now += self.lasts[int(half)] * disturbed


def probed(net: UNet, clock: Clock, monkeypatch) -> str:
    monkeypatch.setattr(precision, "training_precision", lambda device, wanted="auto": "bf16")
    forward = UNet.forward

    def slow(self, image, core=None):
        clock.passing(image.dtype == torch.bfloat16)
        return forward(self, image, core)

    monkeypatch.setattr(UNet, "forward", slow)
    return inference_precision(net, "cpu", clock=clock)


def test_bf16_is_taken_where_it_is_faster_and_fp32_where_it_is_not(monkeypatch) -> None:
    assert probed(net_of(), Clock(2.0, 1.0), monkeypatch) == "bf16"
    precision._found.clear()
    assert probed(net_of(), Clock(1.0, 2.0), monkeypatch) == "fp32"


def test_faster_and_different_is_not_taken(monkeypatch) -> None:
    monkeypatch.setattr(precision, "equal_enough", lambda exact, rounded: False)
    assert probed(net_of(), Clock(2.0, 1.0), monkeypatch) == "fp32"


def test_a_device_is_asked_once(monkeypatch) -> None:
    clock = Clock(2.0, 1.0)
    assert probed(net_of(), clock, monkeypatch) == "bf16"
    passes = clock.reads
    assert inference_precision(net_of(seed=5), "cpu", clock=clock) == "bf16"
    assert clock.reads == passes


def test_what_is_wished_is_not_probed() -> None:
    assert inference_precision(net_of(), "cpu", "fp32") == "fp32"
    assert inference_precision(net_of(), "cpu", "bf16") == "bf16"
    with pytest.raises(ModelError, match="fp8"):
        inference_precision(net_of(), "cpu", "fp8")


def test_a_device_without_bf16_is_not_probed(monkeypatch) -> None:
    monkeypatch.setattr(precision, "training_precision", lambda device, wanted="auto": "fp32")
    monkeypatch.setattr(precision, "_bf16_wins", lambda *_: pytest.fail("probed"))
    assert inference_precision(net_of(), "cpu") == "fp32"


def test_equal_enough_notices_what_is_not() -> None:
    exact = net_of()(picture(32, 32))
    assert equal_enough(exact, exact.to(torch.bfloat16))
    assert not equal_enough(exact, exact + 0.2 * exact.std() * torch.randn_like(exact).sign())
    assert not equal_enough(exact, exact.flip(1))
    assert not equal_enough(exact, torch.full_like(exact, float("nan")))


# ---- memory

_BOTH_WAYS = """
import hashlib, sys, torch
import unetscope.computing.machine, unetscope.learning.prediction
from unetscope.computing.memory import keep_freed_memory
from unetscope.network.unet import UNet, UNetConfig, initialise
print("openvino" in sys.modules)
torch.set_num_threads(1)
net = initialise(UNet(UNetConfig(widths=(8, 8), norm="none")), 0).eval()
image = torch.rand(1, 1, 1056, 1056, generator=torch.Generator().manual_seed(0))
for turn in ("plain", "kept", "kept"):
    done = keep_freed_memory() if turn == "kept" else False
    with torch.inference_mode():
        print(done, hashlib.sha256(net(image).numpy().tobytes()).hexdigest())
"""


@pytest.fixture(scope="module")
def said_by_another_process() -> list[str]:
    command = [sys.executable, "-c", _BOTH_WAYS]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is a library of Linux")
def test_kept_memory_changes_no_bit_of_the_answer(said_by_another_process) -> None:
    _, not_done, plain, done, first, still, second = said_by_another_process
    assert not_done == "False" and done == still
    assert plain == first == second


def test_openvino_is_not_imported_unless_asked_for(said_by_another_process) -> None:
    assert said_by_another_process[0] == "False"


def test_other_systems_keep_their_allocator(monkeypatch) -> None:
    from unetscope.computing import memory

    monkeypatch.setattr(memory.sys, "platform", "win32")
    assert memory.keep_freed_memory.__wrapped__() is False
    monkeypatch.setattr(memory.sys, "platform", "linux")
    monkeypatch.setattr(memory.platform, "libc_ver", lambda: ("", ""))  # musl tells nothing
    assert memory.keep_freed_memory.__wrapped__() is False


# ---- OpenVINO

needs_openvino = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed (an extra)"
)


@needs_openvino
def test_openvino_answers_as_the_network_does_for_any_size() -> None:
    net = net_of()
    other = Machine("cpu", Engine("openvino", "fp32")).net(net)
    for sides in ((64, 72), (128, 56)):
        image = picture(*sides)
        assert torch.allclose(other(image), net(image), atol=1e-4)
        assert torch.allclose(other(image, CORE), net(image, CORE), atol=1e-4)
        assert torch.equal(other(image).argmax(1), net(image).argmax(1))
    names = ["dec2", "dec1"]
    expected, found = net.taps(image, names, CORE), other.taps(image, names, CORE)
    assert list(found) == list(expected)
    for name in names:
        assert torch.allclose(found[name], expected[name], atol=1e-4)


def test_a_missing_openvino_is_said_with_the_remedy(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ModelError, match="pip install openvino"):
        Machine("cpu", Engine("openvino")).net(net_of())


# ---- CUDA


@pytest.fixture
def made(monkeypatch) -> list[tuple[str, str]]:
    """Device and precision of every copy that was made, without a device."""
    found: list[tuple[str, str]] = []

    def make(net: UNet, device: str, engine: Engine) -> UNet:
        found.append((device, engine.precision))
        return fused_copy(net, "cpu", "fp32")

    monkeypatch.setattr(machines, "_made_ready", make)
    monkeypatch.setattr(machines, "choose_device", lambda wanted: wanted)
    return found


def test_a_gpu_answers_with_networks_made_ready(made) -> None:
    net, gpu = net_of(), Machine("cuda")
    first = gpu.net(net)
    assert first is gpu.net(net) and first is not net
    assert Machine("cpu").net(net) is not first
    assert made == [("cuda", "auto"), ("cpu", "fp32")]
    gpu.release()
    assert gpu.net(net) is not first


def test_a_gpu_answers_in_the_precision_that_was_asked_for(made) -> None:
    net, gpu = net_of(), Machine("cuda", Engine("torch", "bf16"))
    gpu.net(net)
    gpu.instead("cpu").net(net)
    assert made == [("cuda", "bf16"), ("cpu", "bf16")]
    assert Machine("cuda").instead("cpu").engine.precision == "fp32"
    assert gpu.key != Machine("cuda").key


@pytest.mark.gpu
def test_a_gpu_answers_in_fp32_as_the_cpu_does() -> None:
    model = fit_instant(small_model(), [sample()], with_forest=False)
    image = as_micrograph(blobs((300, 200), 3)[0])
    found = answered(model, image, Machine("cuda", Engine("torch", "fp32")))
    expected = answered(model, image, Machine("cpu"))
    assert np.abs(found - expected).max() < 0.01
