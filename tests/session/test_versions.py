from __future__ import annotations

from typing import Any

from unetscope.session.versions import MAX_VERSIONS, Versions


def made(count: int) -> Versions:
    versions = Versions()
    for index in range(count):
        model: Any = f"model {index + 1}"
        versions = versions.added(model, "trained", "now")
    return versions


def current(versions: Versions) -> Any:
    assert versions.current is not None
    return versions.current.model


def test_no_version_is_current_before_the_first() -> None:
    assert Versions().current is None
    assert not Versions().can_go_back
    assert not Versions().can_go_forward


def test_going_back_and_forward_walks_the_versions() -> None:
    versions = made(3).gone_back()
    assert current(versions) == "model 2"
    assert versions.can_go_forward
    assert current(versions.gone_forward()) == "model 3"
    assert versions.gone_back().gone_back() == versions.gone_back()


def test_something_new_after_going_back_drops_what_was_gone_back_from() -> None:
    later: Any = "later"
    versions = made(3).gone_back().added(later, "trained", "now")
    assert [v.number for v in versions.kept] == [1, 2, 4]
    assert current(versions) == "later"


def test_only_the_newest_versions_are_kept() -> None:
    versions = made(MAX_VERSIONS + 5)
    assert len(versions.kept) == MAX_VERSIONS
    assert versions.last_number == MAX_VERSIONS + 5
    assert current(versions) == f"model {MAX_VERSIONS + 5}"
