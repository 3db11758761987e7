"""The bundled weights: whole, known by their hash, and never taken from a foreign file."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from unetscope.errors import ModelError, ModelFileError
from unetscope.network import facts
from unetscope.network.facts import BUNDLED, bundled_model
from unetscope.network.shipped import load_bundled

WIDTHS = {"general-fast": (16, 32, 64, 128), "general-large": (32, 64, 128, 256)}


@pytest.mark.parametrize("name", [model.name for model in BUNDLED])
def test_bundled_weights_are_folded_frozen_and_finite(name) -> None:
    net, manifest = load_bundled(name)
    assert net.config.widths == WIDTHS[name]
    assert net.config.norm == "none" and not net.training
    assert not any(p.requires_grad for p in net.parameters())
    assert all(torch.isfinite(t).all() for t in net.state_dict().values())
    assert {"recipe", "licence", "data", "pretraining"} <= set(manifest)


def test_general_is_a_bundled_net_and_other_names_are_checked() -> None:
    assert bundled_model("general").name == "general-fast"
    assert bundled_model("general-large").name == "general-large"
    with pytest.raises(ModelError, match=r"genral.*there are general, general-fast and general-"):
        bundled_model("genral")


def test_swapped_weights_are_noticed(monkeypatch) -> None:
    fast, large = BUNDLED
    swapped = (replace(fast, sha256=large.sha256), large)
    monkeypatch.setattr(facts, "BUNDLED", swapped)
    with pytest.raises(ModelFileError, match="not those of this release"):
        load_bundled("general-fast")


def test_nobody_shares_a_network_with_others() -> None:
    (one, said), (other, again) = load_bundled("general-fast"), load_bundled("general-fast")
    with torch.no_grad():
        next(one.parameters()).zero_()
    said["recipe"]["ridge"] = 7.0
    assert next(other.parameters()).abs().sum() > 0 and again["recipe"]["ridge"] != 7.0
    assert next(load_bundled("general-fast")[0].parameters()).abs().sum() > 0
