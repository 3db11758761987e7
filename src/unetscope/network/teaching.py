"""Networks every textbook draws: LeNet-5, AlexNet and ResNet, untrained, to look inside them.

They are here for teaching: the sizes in their papers can be read off and checked, and what an
untrained network shows (oriented noise, fields that grow layer by layer) is a lesson of its own.
Layers are modules with the names of the papers' figures, so each can be shown by itself.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from unetscope.errors import ModelError
from unetscope.network.unet import DecoderStage, UNet

TEACHING = ("lenet5", "alexnet", "resnet18")


class LeNet5(nn.Module):
    """LeNet-5 (LeCun, Bottou, Bengio and Haffner 1998, Proc. IEEE 86, 2278).

    Takes (batch, in_channels, 32, 32). As in today's textbooks, C3 reads all maps of S2 (the paper
    left out 36 of 96 kernels), S2 and S4 are plain means and the output is linear: 61,706
    parameters for one channel and ten classes.
    """

    def __init__(self, in_channels: int = 1, classes: int = 10) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(in_channels, 6, 5)
        self.tanh1 = nn.Tanh()
        self.s2 = nn.AvgPool2d(2)
        self.c3 = nn.Conv2d(6, 16, 5)
        self.tanh3 = nn.Tanh()
        self.s4 = nn.AvgPool2d(2)
        self.c5 = nn.Conv2d(16, 120, 5)
        self.tanh5 = nn.Tanh()
        self.f6 = nn.Linear(120, 84)
        self.tanh6 = nn.Tanh()
        self.output = nn.Linear(84, classes)

    def forward(self, image: Tensor) -> Tensor:
        """Scores (batch, class).

        Raises
        ------
        ModelError
            If the image is not 32 × 32.
        """
        if tuple(image.shape[2:]) != (32, 32):
            raise ModelError(
                f"LeNet-5 got an image of {tuple(image.shape[2:])} px; it takes 32 × 32."
            )
        maps = self.s2(self.tanh1(self.c1(image)))  # (b, 6, 28, 28) → (b, 6, 14, 14)
        maps = self.s4(self.tanh3(self.c3(maps)))  # (b, 16, 10, 10) → (b, 16, 5, 5)
        maps = self.tanh5(self.c5(maps))  # (b, 120, 1, 1)
        return self.output(self.tanh6(self.f6(torch.flatten(maps, 1))))


class AlexNet(nn.Module):
    """AlexNet (Krizhevsky, Sutskever and Hinton 2012, NeurIPS 25).

    Takes (batch, in_channels, y, x) of 63 px and more; 224 px gives the sizes of the paper. The
    two halves that ran on two GPUs are the groups of conv2, conv4 and conv5. Its local response
    normalisation is left out (it did not help: Simonyan and Zisserman 2014), and an adaptive
    pooling before the classifier lets any larger image in: 60,965,224 parameters for three
    channels and 1000 classes, as published. Dropout works while it is trained alone.
    """

    def __init__(self, in_channels: int = 3, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 96, 11, stride=4, padding=2)
        self.relu1 = nn.ReLU(inplace=True)
        self.pool1 = nn.MaxPool2d(3, stride=2)
        self.conv2 = nn.Conv2d(96, 256, 5, padding=2, groups=2)
        self.relu2 = nn.ReLU(inplace=True)
        self.pool2 = nn.MaxPool2d(3, stride=2)
        self.conv3 = nn.Conv2d(256, 384, 3, padding=1)
        self.relu3 = nn.ReLU(inplace=True)
        self.conv4 = nn.Conv2d(384, 384, 3, padding=1, groups=2)
        self.relu4 = nn.ReLU(inplace=True)
        self.conv5 = nn.Conv2d(384, 256, 3, padding=1, groups=2)
        self.relu5 = nn.ReLU(inplace=True)
        self.pool5 = nn.MaxPool2d(3, stride=2)
        self.adapt = nn.AdaptiveAvgPool2d(6)
        self.fc6 = nn.Linear(256 * 36, 4096)
        self.relu6 = nn.ReLU(inplace=True)
        self.drop6 = nn.Dropout(0.5)
        self.fc7 = nn.Linear(4096, 4096)
        self.relu7 = nn.ReLU(inplace=True)
        self.drop7 = nn.Dropout(0.5)
        self.fc8 = nn.Linear(4096, classes)

    def forward(self, image: Tensor) -> Tensor:
        """Scores (batch, class).

        Raises
        ------
        ModelError
            If a side of the image is shorter than 63 px.
        """
        _check_side(image, 63, "AlexNet")
        maps = self.pool1(self.relu1(self.conv1(image)))  # 224 → 55 → 27
        maps = self.pool2(self.relu2(self.conv2(maps)))  # 13
        maps = self.relu4(self.conv4(self.relu3(self.conv3(maps))))
        maps = self.pool5(self.relu5(self.conv5(maps)))  # 6
        vector = torch.flatten(self.adapt(maps), 1)  # (b, 9216)
        vector = self.drop6(self.relu6(self.fc6(vector)))
        return self.fc8(self.drop7(self.relu7(self.fc7(vector))))


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut around them (He et al. 2015, fig. 5 left)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu2 = nn.ReLU(inplace=True)
        if stride != 1 or inputs != outputs:
            self.downsample: nn.Module = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )
        else:
            self.downsample = nn.Identity()

    def forward(self, maps: Tensor) -> Tensor:
        """(batch, inputs, y, x) → (batch, outputs, y / stride, x / stride)."""
        inner = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(maps)))))
        return self.relu2(inner + self.downsample(maps))


class ResNet(nn.Module):
    """ResNet of basic blocks (He, Zhang, Ren and Sun 2015, arXiv 1512.03385), depth 18 or 34.

    Takes (batch, in_channels, y, x) of any size. Names and shapes of the weights are those of
    torchvision's ``resnet18`` and ``resnet34``, so their weights can be loaded: 11,689,512
    parameters for depth 18, three channels and 1000 classes.
    """

    def __init__(self, in_channels: int = 3, classes: int = 1000, depth: int = 18) -> None:
        super().__init__()
        blocks = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}.get(depth)
        if blocks is None:
            raise ModelError(f"depth is {depth}; a ResNet of basic blocks has 18 or 34 layers.")
        self.conv1 = nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        inputs = 64
        for level, count in enumerate(blocks):
            width = 64 * 2**level
            strides = [1 if level == 0 else 2] + [1] * (count - 1)
            stage = nn.Sequential()
            for stride in strides:
                stage.append(BasicBlock(inputs, width, stride))
                inputs = width
            self.add_module(f"layer{level + 1}", stage)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(512, classes)

    def forward(self, image: Tensor) -> Tensor:
        """Scores (batch, class)."""
        maps = self.maxpool(self.relu(self.bn1(self.conv1(image))))  # y / 4
        for level in range(1, 5):
            maps = self.get_submodule(f"layer{level}")(maps)  # y / 4, / 8, / 16, / 32
        return self.fc(torch.flatten(self.avgpool(maps), 1))


class PatchMLP(nn.Module):
    """A network of dense layers: every pixel of a patch is an input of its own.

    Takes (batch, 1, side, side) and knows nothing of which pixels are neighbours: for side 24 and
    one hidden layer of 64, 37,058 parameters for two classes.
    """

    def __init__(self, side: int = 24, hidden: tuple[int, ...] = (64,), classes: int = 2) -> None:
        super().__init__()
        self.flatten = nn.Flatten()
        inputs = side * side
        for number, width in enumerate(hidden, 1):
            self.add_module(f"dense{number}", nn.Linear(inputs, width))
            self.add_module(f"relu{number}", nn.ReLU(inplace=True))
            inputs = width
        self.output = nn.Linear(inputs, classes)

    def forward(self, patches: Tensor) -> Tensor:
        """Scores (batch, class)."""
        values = patches
        for layer in self.children():
            values = layer(values)
        return values


class PatchCNN(nn.Module):
    """Two convolutions and the largest value of each map: the same weights everywhere in a patch.

    Takes (batch, 1, y, x) of 8 px and more: 6,706 parameters for two classes, whatever the size.
    """

    def __init__(self, classes: int = 2) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 5, padding=2)
        self.relu1 = nn.ReLU(inplace=True)
        self.pool1 = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(8, 32, 5, padding=2)
        self.relu2 = nn.ReLU(inplace=True)
        self.largest = nn.AdaptiveMaxPool2d(1)
        self.output = nn.Linear(32, classes)

    def forward(self, patches: Tensor) -> Tensor:
        """Scores (batch, class)."""
        maps = self.pool1(self.relu1(self.conv1(patches)))
        maps = self.relu2(self.conv2(maps))
        return self.output(torch.flatten(self.largest(maps), 1))


class BridgelessStage(DecoderStage):
    """A decoder stage that gets zeros where the skip connection would join."""

    def forward(self, below: Tensor, skip: Tensor) -> Tensor:
        """As :class:`~unetscope.network.unet.DecoderStage`, deaf to ``skip``."""
        return self.convs(torch.cat([torch.zeros_like(skip), self.up(below)], dim=1))


class UNetWithoutSkips(UNet):
    """A U-Net of as many weights whose skip connections carry nothing.

    Weights that meet only zeros learn nothing, so fewer of them are in use.
    """

    decoder_stage = BridgelessStage


def teaching_network(name: str, in_channels: int = 1, seed: int = 0) -> nn.Module:
    """One of :data:`TEACHING`, with He-normal weights drawn from ``seed``, in eval mode.

    Raises
    ------
    ModelError
        If there is no network of that name, or ``in_channels`` is not positive.
    """
    kinds: dict[str, Callable[[int], nn.Module]] = {
        "lenet5": LeNet5,
        "alexnet": AlexNet,
        "resnet18": ResNet,
    }
    if name not in kinds:
        raise ModelError(
            f"no teaching network is called {name!r}; there are {', '.join(TEACHING)}."
        )
    if in_channels < 1:
        raise ModelError(f"in_channels is {in_channels}; an image has at least one channel.")
    with torch.random.fork_rng(devices=[]):  # layers draw weights of their own when they are made
        net = kinds[name](in_channels)
    return _drawn(net, seed).eval()


def _drawn(net: nn.Module, seed: int) -> nn.Module:
    """He-normal weights (He et al. 2015, arXiv 1502.01852): variance 2 / fan-in, no bias."""
    generator = torch.Generator().manual_seed(seed)
    for module in net.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            with torch.no_grad():
                deviation = (2.0 / module.weight[0].numel()) ** 0.5
                module.weight.normal_(0.0, deviation, generator=generator)
                if module.bias is not None:
                    module.bias.zero_()
    return net


def _check_side(image: Tensor, least: int, name: str) -> None:
    if min(image.shape[2:]) < least:
        raise ModelError(
            f"{name} got an image of {tuple(image.shape[2:])} px; every side needs {least} or more."
        )
