"""The catalogue: what lies on this computer is listed and opened; nothing else is fetched."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from learning.sources.hub import VIT, hub_file, random_net
from unetscope.errors import ModelError
from unetscope.learning.sources.backbone import Backbone
from unetscope.learning.sources.catalogue import available_sources, open_source
from unetscope.learning.sources.source import Look, levels_of

DINO = "vit_small_patch14_dinov2.lvd142m"


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Path:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", refused)
    monkeypatch.setattr("socket.socket.connect", refused)
    found = tmp_path / "hub"
    found.mkdir()
    return found


def test_an_empty_cache_lists_our_own_and_what_would_be_downloaded(hub) -> None:
    entries = available_sources(hub)
    assert [e.spec for e in entries[:3]] == ["general-fast", "general-large", "classical"]
    assert {e.where for e in entries[:3]} == {"built in"}
    rest = entries[3:]
    assert rest and {e.where for e in rest} == {"to download"}
    assert all(e.spec.startswith("timm:") and e.download_mb for e in rest)
    assert {e.licence_note for e in rest} == {"apache-2.0"}


def test_weights_in_the_cache_are_listed(hub) -> None:
    hub_file(hub, DINO).write_bytes(b"")
    hub_file(hub, "of-somebody-else").write_bytes(b"")
    here = [e for e in available_sources(hub) if e.where == "on this computer"]
    assert {e.spec for e in here} == {f"timm:{DINO}"}
    assert all(e.download_mb is None and e.licence_note == "apache-2.0" for e in here)


def test_without_timm_only_our_own_are_listed(hub, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    assert {e.where for e in available_sources(hub)} == {"built in"}
    with pytest.raises(ModelError, match="pip install"):
        open_source(f"timm:{VIT}")


def test_cached_weights_are_opened(hub) -> None:
    net = random_net("test_vit")
    save_file(net.state_dict(), hub_file(hub, VIT))
    source = open_source(f"timm:{VIT}", options={"components": 4}, hub=hub)
    assert isinstance(source, Backbone)
    assert source.name == f"timm:{VIT}" and source.licence_note == "apache-2.0"
    image = torch.rand(1, 3, 32, 32)
    with torch.inference_mode():
        found = source._reader.raw(image, jittered=False)[0].maps
        net = net.eval()
        net.set_input_size((32, 32))
        expected = net.forward_features(image)[:, net.num_prefix_tokens :]
    assert torch.allclose(found.flatten(2), expected.mT, atol=1e-4)


def test_only_safetensors_are_read(hub) -> None:
    """What torch saves is a pickle."""
    hub_file(hub, VIT).with_name("pytorch_model.bin").write_bytes(b"")
    assert all(e.where != "on this computer" for e in available_sources(hub))
    with pytest.raises(ModelError, match="not on this computer"):
        open_source(f"timm:{VIT}", hub=hub)


def test_a_damaged_file_is_named(hub) -> None:
    path = hub_file(hub, VIT)
    path.write_bytes(b"no tensors")
    with pytest.raises(ModelError, match=str(path)):
        open_source(f"timm:{VIT}", hub=hub)


def test_missing_weights_name_the_folders_and_ask_nobody(hub) -> None:
    with pytest.raises(ModelError, match=str(hub)):
        open_source(f"timm:{VIT}", hub=hub)


def test_a_download_that_is_allowed_is_used(hub, monkeypatch) -> None:
    asked = []

    def downloaded(repository: str, file_name: str, *, cache_dir: Path) -> str:
        asked.append((repository, file_name, cache_dir))
        path = hub_file(hub, VIT)
        save_file(random_net("test_vit").state_dict(), path)
        return str(path)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", downloaded)
    for _ in range(2):  # the second time it is there
        open_source(f"timm:{VIT}", hub=hub, allow_download=True)
    assert asked == [(f"timm/{VIT}", "model.safetensors", hub)]


def test_a_download_that_fails_names_the_folder(hub, monkeypatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", offline)
    with pytest.raises(ModelError, match=rf"could not be downloaded.*{hub}"):
        open_source(f"timm:{VIT}", hub=hub, allow_download=True)


@pytest.mark.parametrize("spec", ["timm:no_such_net", "timm:test_vit.no_such_tag", "dino", ""])
def test_unknown_sources_are_refused(spec, hub) -> None:
    with pytest.raises(ModelError, match=r"no pretrained model|no feature source"):
        open_source(spec, hub=hub)


def test_our_own_sources_are_opened_by_name() -> None:
    image = torch.rand(1, 2, 16, 16)
    sources = [open_source(spec, channels=2) for spec in ("general-fast", "classical")]
    assert [s.name for s in sources] == ["general-fast", "classical"]
    assert sorted(levels_of(sources, Look(image))) == [1, 2, 4, 8]
