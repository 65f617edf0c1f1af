# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random registries and options against the modules that write tags, held against what must always be so.

Check mode writes nothing and predicts all that is returned; a rerun writes nothing; a task that fails says what it has written, and the
next one reaches what it would have.
"""

from __future__ import annotations

import typing as t
from pathlib import Path
from random import Random

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images, signing
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import between, put, side
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.journal import Recorded

STYLES = ["full", "full", "distribution2", "distribution3", "quay", "zot", "crane", "acr"]
TAGS = ["1.0", "1.1", "2.0-rc1", "latest", "edge"]
BASE, OTHER = images.image(layers=("base", "a")), images.image("linux/arm64", ("base", "b"))
INDEX = images.multi_arch()
SBOM = images.artifact(BASE)
CONTENTS = [
    BASE,
    OTHER,
    INDEX,
    SBOM,
    images.artifact(SBOM, "application/vnd.example.signature", b"signature of the list"),
    images.artifact(INDEX, data=b"parts of all"),
    images.image(layers=("base", "docker"), docker=True),
    images.multi_arch("linux/amd64", "linux/s390x", docker=True),
    images.multi_arch(attested=True),
    images.nested(),
    images.image(layers=()),
    images.image(layers=("patch",), subject=BASE),
    images.index(BASE, SBOM),
]
KEY = signing.private_pem(signing.make_key())
TOLD_APART = ("uploaded", "mounted", "existing")  # whether a blob is mounted is the registry's choice
State = dict[str, t.Any]


class Case(t.NamedTuple):
    """A task, and the registry and repository that it writes to."""

    module: str
    args: dict[str, t.Any]
    registry: FakeRegistry
    repository: str = ""


def _fill(chance: Random, registry: FakeRegistry) -> None:
    for repository in ("app", "team/lib"):
        for content in chance.sample(CONTENTS, chance.randint(1, 4)):
            put(registry, repository, content)
            for tag in chance.sample(TAGS, chance.choice([0, 1, 2])):
                registry.set_tag(repository, tag, content.digest)
            if content.document.get("subject") and not registry.style.referrers:
                listed = {"schemaVersion": 2, "mediaType": images.OCI_INDEX, "manifests": [content.descriptor()]}
                registry.add_manifest(repository, listed, images.OCI_INDEX, content.document["subject"]["digest"].replace(":", "-"))
    registry.set_tag("app", "1.0", put(registry, "app", chance.choice(CONTENTS)).digest)


def _pick(chance: Random, registry: FakeRegistry) -> tuple[str, str, str]:
    """Return a name of something in the registry, its repository, and the digest or tag."""
    repository = chance.choice([name for name in ("app", "team/lib") if registry.tags(name)])
    if chance.random() < 0.3:
        digest = chance.choice(registry.manifests(repository))
        return f"{repository}@{digest}", repository, digest
    tag = chance.choice(list(registry.tags(repository)))
    return f"{repository}:{tag}", repository, tag


def _tags(chance: Random, least: int = 0) -> list[str]:
    return chance.sample([*TAGS, "new"], chance.randint(least, 3))


def _policy(chance: Random) -> dict[str, t.Any]:
    return {"existing": chance.choice(["overwrite", "overwrite", "keep", "fail"])}


def _tag(chance: Random, source: FakeRegistry, target: FakeRegistry, folder: Path) -> Case:
    name, repository, _identifier = _pick(chance, target)
    return Case("registry_tag", target.args(name=name, tags=_tags(chance, 1), **_policy(chance)), target, repository)


def _push(chance: Random, source: FakeRegistry, target: FakeRegistry, folder: Path) -> Case:
    content = chance.choice(CONTENTS)
    path = images.write_layout(folder / "layout", content)
    name = chance.choice(["app:1.0", "fresh:new", "team/lib", f"app@{content.digest}"])
    args = target.args(path=path, name=name, tags=_tags(chance), **_policy(chance))
    return Case("registry_push", args, target, name.partition("@")[0].partition(":")[0])


def _copy(chance: Random, source: FakeRegistry, target: FakeRegistry, folder: Path) -> Case:
    name, _repository, _identifier = _pick(chance, source)
    dest = chance.choice(["app", "app:1.1", "mirror/app"])
    options: dict[str, t.Any] = {"tags": _tags(chance), "referrers": chance.random() < 0.5, **_policy(chance)}
    return Case("registry_copy", between(source, target, src=name, dest=dest, **options), target, dest.partition(":")[0])


def _index(chance: Random, source: FakeRegistry, target: FakeRegistry, folder: Path) -> Case:
    names: list[t.Any] = [_pick(chance, source)[0]]
    names += [{"name": _pick(chance, source)[0], "platform": "linux/riscv64"}] if chance.random() < 0.3 else []
    options: dict[str, t.Any] = {"name": "app:1.1", "images": names, "tags": _tags(chance), "children": chance.choice(["exact", "append"])}
    return Case("registry_index", {**target.args(**options), **side("src", source)}, target, "app")


def _artifact(chance: Random, source: FakeRegistry, target: FakeRegistry, folder: Path) -> Case:
    (folder / "report.txt").write_text("report", encoding="ascii")
    subject = {"subject": chance.choice(target.manifests("app"))} if chance.random() < 0.7 else {}
    name = chance.choice(["app", "app:report"])
    options: dict[str, t.Any] = {"name": name, "tags": _tags(chance), "files": [str(folder / "report.txt")], **subject}
    return Case("registry_artifact", target.args(**options), target, "app")


def _sign(chance: Random, source: FakeRegistry, target: FakeRegistry, folder: Path) -> Case:
    options: dict[str, t.Any] = {"signing_key": KEY, "format": chance.choice(["cosign", "bundle"]), "recursive": chance.random() < 0.5}
    return Case("registry_sign", target.args(name=_pick(chance, target)[0], **options), target)


def _sync(chance: Random, source: FakeRegistry, target: FakeRegistry, folder: Path) -> Case:
    entries: list[t.Any] = [{"src": "app", "newest": chance.randint(1, 3)}, {"src": "team/lib", "include": ["."]}]
    entries += [{"src": _pick(chance, source)[0], "dest": "mirror/app:new"}]
    options: dict[str, t.Any] = {"extra": chance.choice(["keep", "delete"]), "empty": "ok", "referrers": chance.random() < 0.5}
    return Case("registry_sync", between(source, target, images=entries, concurrency=1, **options, **_policy(chance)), target)


MAKERS = {"tag": _tag, "push": _push, "copy": _copy, "index": _index, "artifact": _artifact, "sign": _sign, "sync": _sync}


# What is held against what


def _state(registry: FakeRegistry) -> State:
    """Return what a user can notice: tags, and what has a subject."""
    found: State = {}
    for name, repository in registry.store.repositories.items():
        subjects = sorted(digest for digest, stored in repository.manifests.items() if stored.document.get("subject"))
        if repository.tags or subjects:
            found[name] = (dict(repository.tags), subjects)
    return found


def _told(value: t.Any) -> t.Any:
    """Return a result without what may differ between check mode and a run."""
    if isinstance(value, list):
        return [_told(item) for item in value]
    if not isinstance(value, dict):
        return value
    told = {key: _told(item) for key, item in value.items() if not key.startswith(TOLD_APART) and not key.startswith("bytes_")}
    moved = [blob["digest"] for key in TOLD_APART for blob in value.get(f"{key}_blobs", [])]
    return {**{key: item for key, item in told.items() if key not in ("elapsed", "invocation")}, "blobs": sorted(moved)}


def _snapshot(registry: FakeRegistry) -> t.Callable[[], None]:
    """Return what sets the registry back to what it holds now."""
    kept = {
        name: (dict(held.manifests), dict(held.tags), dict(held.blobs), held.known) for name, held in registry.store.repositories.items()
    }

    def restore() -> None:
        registry.store.repositories.clear()
        for name, (manifests, tags, blobs, known) in kept.items():
            held = registry.store.get(name)
            held.manifests, held.tags, held.blobs, held.known = dict(manifests), dict(tags), dict(blobs), known
        registry.clear()

    return restore


def _check_failed(case: Case, failed: Result, before: State) -> None:
    """Hold what a task that failed tells against what it has done."""
    after = _state(case.registry)
    if after != before:
        assert failed.changed, failed.msg
    if "tagged_images" in failed and case.repository:
        tags = [states.get(case.repository, ({}, []))[0] for states in (before, after)]
        moved = {tag for tag in tags[1] if tags[0].get(tag) != tags[1][tag] and not tag.startswith("sha256-")}
        assert {name.rpartition(":")[2] for name in failed["tagged_images"]} == moved


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", MAKERS)
def test_check_run_rerun_and_failure(run_module: RunModule, tmp_path: Path, kind: str, seed: int) -> None:
    chance = Random(f"{kind} {seed}")
    with FakeRegistry(chance.choice(STYLES)) as source, FakeRegistry(chance.choice(STYLES)) as target:
        _fill(chance, source)
        _fill(chance, target)
        case = MAKERS[kind](chance, source, target, tmp_path)
        _hold(run_module, case, chance)


def _hold(run_module: RunModule, case: Case, chance: Random) -> None:
    registry, before, gaps = case.registry, _state(case.registry), case.registry.gaps()
    restore = _snapshot(registry)
    expected = run_module(case.module, case.args, check=True, diff=True)
    assert registry.writes() == []
    done = run_module(case.module, case.args, diff=True)
    assert (expected.failed, expected.msg) == (done.failed, done.msg)
    if done.failed:
        _check_failed(case, done, before)
        return
    assert _told(expected.data) == _told(done.data)
    after, writes = _state(registry), [request for request in registry.requests if request.method not in ("GET", "HEAD")]
    assert done.changed or after == before
    registry.clear()
    assert not run_module(case.module, case.args).ok().changed
    assert (registry.writes(), _state(registry), registry.gaps()) == ([], after, gaps)
    if not writes:
        return
    restore()
    _refuse(registry, chance.choice(writes), chance.choice([403, 409, 500]))
    failed = run_module(case.module, {**case.args, "retries": 0})
    _check_failed(case, failed, before)
    assert failed.failed or not run_module(case.module, case.args, check=True).changed
    run_module(case.module, case.args).ok()
    assert registry.gaps() == gaps
    if case.module != "registry_sign":  # which makes another signature each time
        assert _state(registry) == after


def _refuse(registry: FakeRegistry, chosen: Recorded, status: int) -> None:
    """Refuse once what is like a request of the run before: a manifest by its name, an upload by its repository."""

    def is_chosen(request: Recorded) -> bool:
        return request.repository == chosen.repository and (not chosen.reference or request.reference == chosen.reference)

    registry.on(chosen.endpoint, optional=True, where=is_chosen).answer(status, code="REFUSED")
