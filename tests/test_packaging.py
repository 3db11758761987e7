"""What is shipped: one manifest, every package, the weights, and nothing that does not belong."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterable
from importlib.metadata import entry_points, version
from pathlib import Path
from types import SimpleNamespace

import npe2
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from setuptools import find_packages

import unetscope

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SHIPPED_FROM_ROOT = ["pyproject.toml", "napari.yaml", "README.md", "LICENSE", "src"]
CARRIED = [
    "unetscope/**/*.py",
    "unetscope/network/weights/*.*",
    "unetscope/pretraining/configs/*.*",
    "unetscope/inspection/writing/templates/*.j2",
    "unetscope/widgets/inside/help/*.png",
]
WEIGHTS = sorted((ROOT / "src/unetscope/network/weights").glob("*.unetscope"))


def constraints() -> dict[str, str]:
    """Package name -> pinned version of constraints.txt."""
    pins = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, pin = line.split("==")
            pins[canonicalize_name(name)] = pin
    return pins


def requirements() -> list[Requirement]:
    project = PROJECT["project"]
    extras = [text for group in project["optional-dependencies"].values() for text in group]
    return [Requirement(text) for text in [*project["dependencies"], *extras]]


def test_all_packages_are_listed_by_hand() -> None:
    listed = set(PROJECT["tool"]["setuptools"]["packages"])
    assert set(find_packages(str(ROOT / "src"))) == listed - {"unetscope_manifest"}


def test_no_python_file_lies_at_the_root() -> None:
    # it would be shipped inside unetscope_manifest, which is the root
    assert sorted(path.name for path in ROOT.glob("*.py")) == []


def test_one_version_is_told_everywhere() -> None:
    assert "version" in PROJECT["project"]["dynamic"] and "version" not in PROJECT["project"]
    told = PROJECT["tool"]["setuptools"]["dynamic"]["version"]
    assert told == {"attr": "unetscope.__version__"}
    assert unetscope.__version__ == version("napari-unetscope")


def test_no_qt_binding_is_a_base_dependency() -> None:
    texts = [text.lower() for text in PROJECT["project"]["dependencies"]]
    assert not {Requirement(text).name for text in texts} & {"pyqt6", "pyside6", "pyqt5"}
    napari = next(
        r for r in map(Requirement, PROJECT["project"]["dependencies"]) if r.name == "napari"
    )
    assert not napari.extras


@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_every_requirement_is_pinned_within_its_range(requirement: Requirement) -> None:
    pin = constraints().get(canonicalize_name(requirement.name))
    assert pin is not None, f"{requirement.name} is missing in constraints.txt"
    assert requirement.specifier.contains(Version(pin))


def test_constraints_name_versions_only() -> None:
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        assert line.startswith("#") or re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line), line


def test_installed_manifest_is_the_root_one() -> None:
    installed = npe2.PluginManifest.from_distribution("napari-unetscope")
    written = npe2.PluginManifest.from_file(ROOT / "napari.yaml")
    assert installed.contributions == written.contributions
    installed.validate_imports()


def test_every_command_of_the_manifest_is_used() -> None:
    contributions = npe2.PluginManifest.from_file(ROOT / "napari.yaml").contributions
    used = {widget.command for widget in contributions.widgets or []}
    used |= {sample.command for sample in contributions.sample_data or []}
    used |= {reader.command for reader in contributions.readers or []}
    assert {command.id for command in contributions.commands or []} == used


def test_preferences_hold_plain_values_with_valid_defaults() -> None:
    groups = npe2.PluginManifest.from_file(ROOT / "napari.yaml").contributions.configurations or {}
    kinds = {"boolean": bool, "integer": int, "number": float, "string": str}
    properties = [p for group in groups.values() for p in group.properties.values()]
    assert properties
    for entry in properties:
        assert isinstance(entry.default, kinds[str(entry.type)]), entry
        assert entry.description
        if entry.enum:
            assert entry.default in entry.enum


def test_numbers_of_the_preferences_can_be_seen_with_two_decimals() -> None:
    """napari's page has no more: 0.0005 would be shown, and written back, as 0.00."""
    groups = npe2.PluginManifest.from_file(ROOT / "napari.yaml").contributions.configurations or {}
    for entry in (p for group in groups.values() for p in group.properties.values()):
        if str(entry.type) == "number":
            assert [round(v, 2) for v in (entry.default, entry.minimum)] == [
                entry.default,
                entry.minimum,
            ]


def test_a_learning_rate_of_the_preferences_is_in_thousandths() -> None:
    from unetscope.widgets.kit.preferences import Preferences

    preferences = Preferences()
    assert preferences.engine.learning_rate == 0.0005
    preferences._settings = SimpleNamespace(training=SimpleNamespace(learning_rate_thousandths=0.2))
    assert preferences.engine.learning_rate == 0.0002


def test_the_command_is_installed() -> None:
    scripts = {script.name: script.value for script in entry_points(group="console_scripts")}
    assert scripts["unetscope"] == "unetscope.cli.app:main"


def test_links_of_the_readme_work_where_the_package_is_shown() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert links
    assert [link for link in links if not link.startswith(("https://", "#"))] == []
    here = re.findall(r"napari-unetscope/(?:(?:blob|tree)/)?main/([^)#\s]+)", text)
    assert here
    assert [path for path in here if not (ROOT / path).exists()] == []


def test_every_bundled_model_has_a_card() -> None:
    if not WEIGHTS:
        pytest.skip("no bundled weights in this tree yet")
    assert [
        path.with_suffix(".md") for path in WEIGHTS if not path.with_suffix(".md").exists()
    ] == []


# ---- built distributions ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> tuple[set[str], set[str]]:
    """Names of the files in the wheel (made from the sdist) and in the sdist, root folder cut."""
    pytest.importorskip("build")
    tree = tmp_path_factory.mktemp("tree")
    for name in SHIPPED_FROM_ROOT:
        source = ROOT / name
        if source.is_dir():
            ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(source, tree / name, ignore=ignore)
        else:
            shutil.copy(source, tree / name)
    out = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(tree)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(next(out.glob("*.whl"))) as wheel:
        in_wheel = set(wheel.namelist())
    with tarfile.open(next(out.glob("*.tar.gz"))) as sdist:
        in_sdist = {name.partition("/")[2] for name in sdist.getnames()}
    return in_wheel, in_sdist


def source_files(*patterns: str) -> Iterable[str]:
    """Files below src/ that match, relative to it."""
    source = ROOT / "src"
    for pattern in patterns:
        for path in source.glob(pattern):
            yield path.relative_to(source).as_posix()


def test_wheel_carries_manifest_code_weights_and_cards(
    distributions: tuple[set[str], set[str]],
) -> None:
    wheel, _ = distributions
    wanted = set(source_files(*CARRIED))
    wanted |= {"unetscope_manifest/napari.yaml", "unetscope/py.typed"}
    assert wanted - wheel == set()


def test_sdist_carries_what_the_wheel_is_made_of(distributions: tuple[set[str], set[str]]) -> None:
    _, sdist = distributions
    wanted = {
        f"src/{name}" for name in source_files("unetscope/**/*.py", "unetscope/network/weights/*.*")
    }
    wanted |= {"napari.yaml", "pyproject.toml", "README.md", "LICENSE"}
    assert wanted - sdist == set()


def test_the_manifest_package_carries_the_manifest_alone(
    distributions: tuple[set[str], set[str]],
) -> None:
    wheel, _ = distributions
    assert {name for name in wheel if name.startswith("unetscope_manifest/")} == {
        "unetscope_manifest/napari.yaml"
    }


def test_no_tests_and_no_caches_are_shipped(distributions: tuple[set[str], set[str]]) -> None:
    wheel, _ = distributions
    tops = {name.split("/")[0] for name in wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "unetscope",
        "unetscope_manifest",
    }
    assert not [name for name in wheel if "__pycache__" in name or name.endswith(".tmp")]
