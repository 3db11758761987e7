"""The jobs behind the list of models: finding backbones of others and opening one."""

from __future__ import annotations

from pathlib import Path

import pytest

from inspection.public_networks import torchvision_models
from learning.sources.hub import VIT, keep_vit
from unetscope.errors import ModelError
from unetscope.session.engine.door import EngineDoor
from unetscope.session.requests import ModelOpened, SourceRequest, SourcesFound, SourcesRequest
from unetscope.session.values import EngineSettings

REQUEST = SourceRequest(f"timm:{VIT}", "General + a small one")


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Path:
    torchvision_models()
    pytest.importorskip("timm")
    monkeypatch.setattr("unetscope.learning.sources.timm_hub.user_hub", lambda: tmp_path)
    return tmp_path


@pytest.fixture
def jobs() -> EngineDoor:
    return EngineDoor(EngineSettings(device="cpu", threads=1))


def test_what_can_be_opened_is_found(hub, jobs) -> None:
    (before,) = jobs.do(SourcesRequest())
    keep_vit(hub)
    (after,) = jobs.do(SourcesRequest())
    assert isinstance(before, SourcesFound) and {e.where for e in before.entries} == {"to download"}
    assert after.entries[0].spec == REQUEST.spec and after.entries[1:] == before.entries


def test_a_backbone_is_opened_beside_the_bundled_model(hub, jobs) -> None:
    keep_vit(hub)
    event = next(jobs.do(REQUEST))
    assert isinstance(event, ModelOpened) and event.title == REQUEST.title
    assert [source.name for source in event.model.features.sources] == [REQUEST.spec]


def test_without_the_weights_the_error_names_the_cache(hub, jobs) -> None:
    with pytest.raises(ModelError, match=str(hub)):
        next(jobs.do(REQUEST))
