"""timm, also beside a torchvision whose compiled operators cannot be loaded; one thread."""

from __future__ import annotations

import pytest

from inspection.public_networks import torchvision_models


@pytest.fixture(scope="session", autouse=True)
def _importable_timm() -> None:
    torchvision_models()
    pytest.importorskip("timm")
