"""What strangers read first is true: commands, names and files that the pages tell of exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import unetscope
from unetscope import inspection, measuring

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def commands(workflow: Any) -> list[str]:
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    return [step["run"] for step in steps if "run" in step]


def test_the_page_of_python_tells_of_every_public_name_once() -> None:
    told = re.findall(r"^::: (\S+)$", (ROOT / "docs/api.md").read_text("utf-8"), flags=re.MULTILINE)
    public = [*inspection.__all__, *measuring.__all__, *unetscope.__all__]
    public.remove("__version__")
    assert sorted(name.rpartition(".")[2] for name in told) == sorted(public)
    for name in told:
        module, _, member = name.rpartition(".")
        assert hasattr(__import__(module, fromlist=[member]), member), name


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_names_only_files_extras_and_jobs_that_exist(path: Path) -> None:
    workflow = read(path)
    assert set(workflow) >= {"name", "permissions", "jobs"} and (True in workflow)  # `on`
    extras = {"all", "dev", "docs", "openvino", "timm"}
    for command in commands(workflow):
        for listed in re.findall(r'"\.\[([a-z,]+)\]"', command):
            assert set(listed.split(",")) <= extras
        for file in re.findall(r"(?<![\w/])(\.ci/\w+|constraints\.txt)", command):
            assert (ROOT / file).is_file(), file
    for job in workflow["jobs"].values():
        assert job.get("needs", next(iter(workflow["jobs"]))) in workflow["jobs"]
        assert job["timeout-minutes"] <= 60


def test_every_system_qt_and_python_is_tried() -> None:
    matrix = read(ROOT / ".github/workflows/ci.yml")["jobs"]["tests"]["strategy"]["matrix"]
    assert [len(matrix[axis]) for axis in ("os", "python", "qt")] == [3, 3, 2]
    classifiers = (ROOT / "pyproject.toml").read_text("utf-8")
    for python in matrix["python"]:
        assert f"Programming Language :: Python :: {python}" in classifiers


def test_libraries_of_qt_are_those_that_the_package_asks_for() -> None:
    from unetscope.system_libraries import OFFSCREEN, WINDOW

    told = read(ROOT / ".github/workflows/ci.yml")["env"]["LINUX_LIBRARIES"].split()
    needed = {*OFFSCREEN.values(), *WINDOW.values()} - {"libglib2.0-0"}  # has other names by now
    assert needed <= set(told)


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_a_form_for_issues_has_what_github_asks_for(path: Path) -> None:
    form = read(path)
    if path.name == "config.yml":
        assert form == {"blank_issues_enabled": True}
        return
    assert form["name"] and form["description"]
    ids = [part["id"] for part in form["body"] if part["type"] != "markdown"]
    assert ids and len(set(ids)) == len(ids)
    assert {part["type"] for part in form["body"]} <= {
        *("markdown", "textarea", "input", "checkboxes")
    }


def test_the_citation_has_what_its_format_asks_for_and_no_second_version() -> None:
    citation = read(ROOT / "CITATION.cff")
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert "version" not in citation
    assert citation["license"] == "BSD-3-Clause"


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md"])
def test_files_and_folders_that_a_page_names_exist(page: str) -> None:
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text("utf-8"), flags=re.DOTALL)
    named = set(re.findall(r"`([\w./-]+(?:\.(?:py|md|toml|yaml|yml|txt)|/))`", text))
    named |= {link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link}
    assert named
    roots = (ROOT, ROOT / "src/unetscope", ROOT / "tests")
    lost = [n for n in named if not any((root / n).exists() for root in roots)]
    siblings = {path.name for room in ("src", "tests") for path in (ROOT / room).rglob("*.py")}
    assert [name for name in lost if name not in siblings and "NAME" not in name] == []


def test_names_that_the_recipes_tell_of_are_in_the_code() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8").split("## Recipes")[1]
    named = set(re.findall(r"`(\w*[A-Z_]\w*)(?:\(\w*\))?`", text)) - {"NAME", "N"}
    code = "\n".join(
        path.read_text("utf-8") for room in ("src", "tests") for path in (ROOT / room).rglob("*.py")
    )
    assert len(named) > 25
    assert [name for name in named if not re.search(rf"\b{name}\b", code)] == []
