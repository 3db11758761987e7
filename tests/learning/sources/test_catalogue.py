"""The catalogue: what lies on this computer is listed and opened; nothing else is fetched."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from unetscope.errors import ModelError
from unetscope.learning.sources import catalogue
from unetscope.learning.sources.catalogue import WeightFolders, available_sources, open_source
from unetscope.learning.sources.source import levels_of
from unetscope.learning.sources.timm_backbone import BackboneOptions, TimmBackbone

VIT, RESNET, DINO = "test_vit.r160_in1k", "resnet10t.c3_in1k", "vit_small_patch14_dinov2.lvd142m"


def random_net(name: str) -> nn.Module:
    import timm

    torch.manual_seed(3)
    net: nn.Module = timm.create_model(name)
    return net


def hub_file(folders: WeightFolders, name: str) -> Path:
    """Where the hub's cache keeps the weights of a timm model."""
    repository = folders.hub / f"models--timm--{name}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("abc")
    (repository / "snapshots" / "abc").mkdir(parents=True)
    return repository / "snapshots" / "abc" / "model.safetensors"


@pytest.fixture
def folders(tmp_path, monkeypatch) -> WeightFolders:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", refused)
    monkeypatch.setattr("socket.socket.connect", refused)
    found = WeightFolders(tmp_path / "hub", tmp_path / "checkpoints")
    found.hub.mkdir()
    found.torch_hub.mkdir()
    return found


def test_an_empty_cache_lists_our_own_and_what_would_be_downloaded(folders) -> None:
    entries = available_sources(folders)
    assert [e.spec for e in entries[:3]] == ["general-fast", "general-large", "classical"]
    assert {e.where for e in entries[:3]} == {"built in"}
    rest = entries[3:]
    assert rest and {e.where for e in rest} == {"to download"}
    assert all(e.spec.startswith("timm:") and e.download_mb for e in rest)
    assert {e.licence_note for e in rest} == {"apache-2.0"}


def test_weights_in_either_folder_are_listed(folders) -> None:
    hub_file(folders, DINO).write_bytes(b"")
    (folders.torch_hub / "resnet10t_176_c3-f3215ab1.pth").write_bytes(b"")
    (folders.torch_hub / "of-somebody-else.pth").write_bytes(b"")
    here = [e for e in available_sources(folders) if e.where == "on this computer"]
    assert {e.spec for e in here} == {f"timm:{RESNET}", f"timm:{DINO}"}
    assert all(e.download_mb is None and e.licence_note == "apache-2.0" for e in here)


def test_without_timm_only_our_own_are_listed(folders, monkeypatch) -> None:
    monkeypatch.setattr(catalogue, "find_spec", lambda name: None)
    assert {e.where for e in available_sources(folders)} == {"built in"}


def test_cached_weights_are_opened(folders) -> None:
    net = random_net("test_vit")
    save_file(net.state_dict(), hub_file(folders, VIT))
    source = open_source(f"timm:{VIT}", options=BackboneOptions(components=4), folders=folders)
    assert isinstance(source, TimmBackbone)
    assert source.name == f"timm:{VIT}" and source.licence_note == "apache-2.0"
    image = torch.rand(1, 3, 32, 32)
    with torch.inference_mode():
        found = source._reader.raw(image, jittered=False)[0].maps
        net = net.eval()
        net.set_input_size((32, 32))
        expected = net.forward_features(image)[:, net.num_prefix_tokens :]
    assert torch.allclose(found.flatten(2), expected.mT, atol=1e-4)


def test_checkpoints_of_torch_hub_are_opened(folders) -> None:
    net = random_net("resnet10t")
    torch.save(net.state_dict(), folders.torch_hub / "resnet10t_176_c3-f3215ab1.pth")
    source = open_source(
        f"timm:{RESNET}", options=BackboneOptions(coarsest_px=2, components=4), folders=folders
    )
    assert list(levels_of([source], torch.rand(1, 1, 32, 32))) == [2]
    state = source._reader.net.state_dict()
    assert all(torch.equal(value, net.state_dict()[key]) for key, value in state.items())


def test_a_damaged_file_is_named(folders) -> None:
    path = hub_file(folders, VIT)
    path.write_bytes(b"no tensors")
    with pytest.raises(ModelError, match=str(path)):
        open_source(f"timm:{VIT}", folders=folders)


def test_missing_weights_name_the_folders_and_ask_nobody(folders) -> None:
    with pytest.raises(ModelError, match=str(folders.hub)):
        open_source(f"timm:{VIT}", folders=folders)


def test_a_download_that_is_allowed_is_used(folders, monkeypatch) -> None:
    asked = []

    def downloaded(repository: str, file_name: str, *, cache_dir: Path) -> str:
        asked.append((repository, file_name, cache_dir))
        path = hub_file(folders, VIT)
        save_file(random_net("test_vit").state_dict(), path)
        return str(path)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", downloaded)
    for _ in range(2):  # the second time it is there
        open_source(f"timm:{VIT}", folders=folders, allow_download=True)
    assert asked == [(f"timm/{VIT}", "model.safetensors", folders.hub)]


def test_a_download_that_fails_names_the_folder(folders, monkeypatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", offline)
    with pytest.raises(ModelError, match=rf"could not be downloaded.*{folders.hub}"):
        open_source(f"timm:{VIT}", folders=folders, allow_download=True)


@pytest.mark.parametrize("spec", ["timm:no_such_net", "timm:test_vit.no_such_tag", "dino", ""])
def test_unknown_sources_are_refused(spec, folders) -> None:
    with pytest.raises(ModelError, match=r"no pretrained model|no feature source"):
        open_source(spec, folders=folders)


def test_our_own_sources_are_opened_by_name() -> None:
    image = torch.rand(1, 2, 16, 16)
    sources = [open_source(spec, channels=2) for spec in ("general-fast", "classical")]
    assert [s.name for s in sources] == ["general-fast", "classical"]
    assert sorted(levels_of(sources, image)) == [1, 2, 4, 8]
