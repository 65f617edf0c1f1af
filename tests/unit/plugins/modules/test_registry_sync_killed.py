# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_sync killed at each of its requests: what is there is whole, the next run does the rest, and the one after that nothing."""

from __future__ import annotations

import hashlib
import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry, put, side
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Process, RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.signals import kill_at
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

Task = dict[str, t.Any]
Start = t.Callable[..., Process]
# How many requests an undisturbed run makes; the first test holds them against what is counted.
COPY, EXPORT, IMPORT, DELETION = 22, 12, 20, 12
PLATFORMS = (("linux/amd64", "1"), ("linux/arm64", "2"))
SIGNATURE = images.artifact(subject=images.image(layers=["shared"]))


@pytest.fixture
def front() -> str:
    """One front is enough: the task that is killed is a process in both."""
    return "module"


def _options(**options: t.Any) -> Task:
    return {"timeout": 10, "concurrency": 1, **options}


def _fill(registry: FakeRegistry, repository: str = "app") -> list[str]:
    """Put an image, what signs it, and another image of the same layer into a repository; return the digests of the images."""
    first, second = (put(registry, repository, images.image(platform, layers=["shared"]), tag) for platform, tag in PLATFORMS)
    put(registry, repository, SIGNATURE)
    return [first.digest, second.digest]


def _export(source: FakeRegistry, folder: Path) -> Task:
    return _options(**side("src", source), dest_dir=str(folder), images=["app:1", "app:2"], referrers=True)


def _import(destination: FakeRegistry, folder: Path) -> Task:
    return _options(**side("dest", destination), src_dir=str(folder))


def _copy(source: FakeRegistry, destination: FakeRegistry) -> Task:
    listed = [{"src": name, "include": ["."]} for name in ("app", "db")]
    return _options(**side("src", source), **side("dest", destination), images=listed)


def _exact(source: FakeRegistry, destination: FakeRegistry) -> Task:
    listed = [{"src": "app", "include": ["."]}]
    return _options(**side("src", source), **side("dest", destination), images=listed, extra="delete")


def _kill(start_module: Start, registry: FakeRegistry, number: int, task: Task) -> None:
    """Run a task until ``registry`` has done what its request of this number asks for, and kill it there."""
    hold = registry.on(nth=number).hold_answer()
    kill_at(start_module("registry_sync", task), hold)


def _is_whole(layout: Path, digest: str) -> bool:
    path = layout / "blobs" / digest.replace(":", "/")
    if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != digest[7:]:
        return False
    document = json.loads(path.read_bytes())
    manifests = [entry["digest"] for entry in document.get("manifests", ())]
    blobs = [entry["digest"] for entry in (document.get("config"), *document.get("layers", ())) if entry]
    there = [layout / "blobs" / blob.replace(":", "/") for blob in blobs]
    return all(_is_whole(layout, child) for child in manifests) and all(
        path.exists() and f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}" == blob for path, blob in zip(there, blobs)
    )


def _named(folder: Path) -> t.Iterator[tuple[Path, str]]:
    """Yield what an export names: in the indexes of its layouts, and in its list."""
    for index in folder.glob("*/index.json"):
        for entry in json.loads(index.read_bytes())["manifests"]:
            yield index.parent, entry["digest"]
    if (folder / "images.yml").exists():
        for image in json.loads((folder / "images.yml").read_bytes())["images"]:
            yield folder / image["path"], image["digest"]


def test_how_many_requests_there_are_to_be_killed_at(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    source, copied, inside, exact = make_registry(), make_registry(), make_registry(), make_registry()
    _fill(source)
    _fill(source, "db")
    run_module("registry_sync", _copy(source, copied)).ok()
    assert len(copied.log()) == COPY
    source.clear()
    run_module("registry_sync", _export(source, tmp_path / "carried")).ok()
    assert len(source.log()) == EXPORT
    run_module("registry_sync", _import(inside, tmp_path / "carried")).ok()
    assert len(inside.log()) == IMPORT
    run_module("registry_sync", _exact(source, exact)).ok()
    exact.clear()
    exact.add_image("app", "old", seed="old")
    run_module("registry_sync", _exact(source, exact)).ok()
    assert len(exact.log()) == DELETION


@pytest.mark.parametrize("number", range(1, COPY + 1))
def test_a_copy_goes_on(make_registry: MakeRegistry, run_module: RunModule, start_module: Start, number: int) -> None:
    source, destination = make_registry(), make_registry()
    digests = {name: dict(zip("12", _fill(source, name))) for name in ("app", "db")}
    destination.guard_closure()
    task = _copy(source, destination)
    _kill(start_module, destination, number, task)
    assert destination.gaps() == []
    there = sum(len(destination.tags(name)) for name in digests)
    result = run_module("registry_sync", task).ok()
    assert result["summary"]["unchanged"] == there
    assert {name: destination.tags(name) for name in digests} == digests
    assert destination.gaps() == []
    assert run_module("registry_sync", task).ok().changed is False


@pytest.mark.parametrize("number", range(1, EXPORT + 1))
def test_an_export_goes_on(make_registry: MakeRegistry, run_module: RunModule, start_module: Start, tmp_path: Path, number: int) -> None:
    source, folder = make_registry(), tmp_path / "carried"
    digests = _fill(source)
    task = _export(source, folder)
    _kill(start_module, source, number, task)
    assert all(_is_whole(layout, digest) for layout, digest in _named(folder))
    done = run_module("registry_sync", task).ok()
    assert [image["digest"] for image in done["images"]] == digests
    named = list(_named(folder))
    assert {digest for _layout, digest in named} >= set(digests)
    assert all(_is_whole(layout, digest) for layout, digest in named)
    assert [path for path in folder.rglob("*") if path.is_file() and path.name.startswith((".", "tmp"))] == []
    assert run_module("registry_sync", task).ok().changed is False


@pytest.mark.parametrize("number", range(1, IMPORT + 1))
def test_an_import_goes_on(make_registry: MakeRegistry, run_module: RunModule, start_module: Start, tmp_path: Path, number: int) -> None:
    source, destination, folder = make_registry(), make_registry(), tmp_path / "carried"
    digests = _fill(source)
    run_module("registry_sync", _export(source, folder)).ok()
    destination.guard_closure()
    task = _import(destination, folder)
    _kill(start_module, destination, number, task)
    assert destination.gaps() == []
    run_module("registry_sync", task).ok()
    assert [destination.tags("app")[tag] for tag in ("1", "2")] == digests
    assert destination.manifest("app", SIGNATURE.digest) is not None
    assert run_module("registry_sync", task).ok().changed is False


@pytest.mark.parametrize("number", range(1, DELETION + 1))
def test_a_deletion_goes_on(make_registry: MakeRegistry, run_module: RunModule, start_module: Start, number: int) -> None:
    source, destination = make_registry(), make_registry()
    digests = _fill(source)
    run_module("registry_sync", _exact(source, destination)).ok()
    destination.add_image("app", "old", seed="old")
    destination.guard_closure()
    task = _exact(source, destination)
    _kill(start_module, destination, number, task)
    assert destination.gaps() == []
    wanted = dict(zip(("1", "2"), digests))
    assert wanted.items() <= destination.tags("app").items()
    run_module("registry_sync", task).ok()
    assert destination.tags("app") == wanted
    assert run_module("registry_sync", task).ok().changed is False
