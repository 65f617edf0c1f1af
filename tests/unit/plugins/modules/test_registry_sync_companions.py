# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_sync with referrers from layouts of other tools: each tool puts what belongs to an image there in its own way."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry, import_from, put
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule, plugin
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

IMAGE = images.multi_arch()
AMD64, ARM64 = (images.image(f"linux/{name}", ("base", f"app-linux-{name}")) for name in ("amd64", "arm64"))
SBOM = images.artifact(IMAGE)
NOTE = images.artifact(SBOM, "application/vnd.example.note", b"note")
OF_ARM64 = images.artifact(ARM64, data=b"of arm64")
SIGNATURE = images.artifact(None, data=b"signature")
OTHER = images.artifact(None, data=b"signature of somebody else")
REFERRERS = (SBOM, NOTE, OF_ARM64)


def key(content: images.Content) -> str:
    """The beginning of tags that belong to ``content``."""
    return content.digest.replace(":", "-")


def listed(*referrers: images.Content) -> images.Content:
    """The list that a fallback tag is on."""
    return images.index(*referrers)


def oras() -> dict[str, list[images.Content]]:
    """What ``oras copy --recursive`` writes: all manifests are in index.json, most of them without a name."""
    return {"1": [IMAGE], "": [AMD64, ARM64, *REFERRERS], f"{key(IMAGE)}.sig": [SIGNATURE]}


def regctl() -> dict[str, list[images.Content]]:
    """What ``regctl image copy --referrers --digest-tags`` writes: lists of referrers under fallback tags, and signatures under theirs."""
    return {
        f"{key(IMAGE)}": [listed(SBOM)],
        f"{key(SBOM)}": [listed(NOTE)],
        f"{key(ARM64)}": [listed(OF_ARM64)],
        f"{key(AMD64)}": [AMD64],  # as cosign copy leaves it
        f"{key(IMAGE)}.sig": [SIGNATURE],
        "1": [IMAGE],
    }


def full() -> dict[str, list[images.Content]]:
    """Several repositories in one layout."""
    names = {f"quay.io/app:{name}" if name else "": contents for name, contents in oras().items()}
    return {f"quay.io/other:{key(IMAGE)}.sig": [OTHER], **names}


TOOLS = {"oras": oras, "regctl": regctl, "full": full}


def write(folder: Path, named: t.Mapping[str, t.Sequence[images.Content]]) -> str:
    """Write a layout with images by their names, "" for what has none."""
    files: dict[str, bytes] = {}
    entries: list[images.Json] = []
    for name, contents in named.items():
        for content in contents:
            part = images.layout_files({name: content})
            entries += json.loads(part["index.json"])["manifests"]
            files.update(part)
    return images.write_files(folder, {**files, "index.json": images.to_json({"schemaVersion": 2, "manifests": entries})})


@pytest.fixture(params=TOOLS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A layout of a tool."""
    return write(tmp_path / "layout", TOOLS[request.param]())


def bring(run_module: RunModule, path: str, destination: FakeRegistry, **entry: t.Any) -> Result:
    """Import the image as app:1, foretold by check mode, and a second time, which must change nothing."""
    name = "quay.io/app:1" if "quay.io" in (Path(path) / "index.json").read_text(encoding="utf-8") else "1"
    arguments = import_from(path, destination, images=[{"src": name, "dest": "app:1", **entry}])
    expected = run_module("registry_sync", arguments, check=True, diff=True).ok()
    result = run_module("registry_sync", arguments, diff=True).ok()
    assert result["diff"] == expected["diff"]
    destination.clear()
    assert run_module("registry_sync", arguments).ok().changed is False
    assert destination.writes() == []
    return result


@pytest.mark.parametrize("style", ["full", "distribution2"])
def test_what_belongs_to_an_image_comes_along(make_registry: MakeRegistry, run_module: RunModule, path: str, style: str) -> None:
    destination = make_registry(style)
    bring(run_module, path, destination, referrers=True)
    for content in (IMAGE, *REFERRERS, SIGNATURE):
        assert destination.manifest("app", content.digest) is not None
    assert destination.tags("app")[f"{key(IMAGE)}.sig"] == SIGNATURE.digest
    assert destination.manifest("app", OTHER.digest) is None
    told = run_module("registry_image_info", destination.args(name="app:1", referrers=True)).ok()
    assert [item["digest"] for item in told["images"][0]["referrers"]] == [SBOM.digest]


NAMES = [
    ("", f"quay.io/app:{key(IMAGE)}.sig"),
    (f"quay.io/app@{IMAGE.digest}", f"quay.io/app:{key(IMAGE)}.sig"),
    ("docker.io/library/app:1", f"app:{key(IMAGE)}.sig"),
    ("localhost:5000/app", f"localhost:5000/app:{key(IMAGE)}.sig"),
]


@pytest.mark.parametrize(("name", "signed"), NAMES)
def test_a_signature_belongs_to_a_repository_however_its_name_is_written(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, name: str, signed: str
) -> None:
    path, destination = write(tmp_path / "layout", {name: [IMAGE], signed: [SIGNATURE]}), make_registry()
    entry = {"src": name or IMAGE.digest, "dest": "app:1", "referrers": True}
    run_module("registry_sync", import_from(path, destination, images=[entry])).ok()
    assert destination.tags("app") == {"1": IMAGE.digest, f"{key(IMAGE)}.sig": SIGNATURE.digest}


def test_a_pulled_signature_belongs_to_its_own_repository(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    source, destination, path = make_registry(), make_registry(), str(tmp_path / "layout")
    for repository, signature in (("other", OTHER), ("app", SIGNATURE)):
        for tag, content in (("1", IMAGE), (f"{key(IMAGE)}.sig", signature)):
            put(source, repository, content, tag)
            run_module("registry_pull", source.args(name=f"{repository}:{tag}", path=path, append=True)).ok()
    entry = {"src": f"{source.host}/app:1", "dest": "app:1", "referrers": True}
    run_module("registry_sync", import_from(path, destination, images=[entry])).ok()
    assert destination.tags("app")[f"{key(IMAGE)}.sig"] == SIGNATURE.digest


def test_fewer_platforms_leave_behind_what_belongs_to_the_others(make_registry: MakeRegistry, run_module: RunModule, path: str) -> None:
    destination = make_registry()
    bring(run_module, path, destination, referrers=True, platforms=["linux/arm64"])
    assert destination.manifest("app", OF_ARM64.digest) is not None
    assert not any(destination.manifest("app", content.digest) for content in (SBOM, NOTE, SIGNATURE))


def test_without_referrers_the_image_comes_alone(make_registry: MakeRegistry, run_module: RunModule, path: str) -> None:
    destination = make_registry()
    bring(run_module, path, destination)
    assert destination.tags("app") == {"1": IMAGE.digest}
    assert not any(destination.manifest("app", content.digest) for content in REFERRERS)


def test_what_cannot_be_read_is_not_left_out(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    kind = "application/vnd.oci.artifact.manifest.v1+json"
    old = images.to_json({"mediaType": kind, "artifactType": "application/vnd.cncf.notary.signature", "blobs": []})
    entry = {"mediaType": kind, "digest": images.digest_of(old), "size": len(old)}
    fallback = images.to_json({"schemaVersion": 2, "mediaType": images.OCI_INDEX, "manifests": [entry]})
    files = images.layout_files({"1": IMAGE})
    files.update({f"blobs/{images.digest_of(raw).replace(':', '/')}": raw for raw in (old, fallback)})
    named = {"org.opencontainers.image.ref.name": key(IMAGE)}
    root = {"mediaType": images.OCI_INDEX, "digest": images.digest_of(fallback), "size": len(fallback), "annotations": named}
    files["index.json"] = images.to_json({"manifests": [IMAGE.descriptor(annotations={"org.opencontainers.image.ref.name": "1"}), root]})
    path, destination = images.write_files(tmp_path / "layout", files), make_registry()
    arguments = import_from(path, destination, images=[{"src": "1", "dest": "app:1", "referrers": True}])
    assert kind in run_module("registry_sync", arguments).failure("unsupported").msg
    assert destination.tags("app") == {}
    bring(run_module, path, destination)


def test_what_is_corrupt_is_found_once(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = {f"quay.io/app:{number}": [images.image(layers=(str(number),))] for number in range(10)}
    path, destination = write(tmp_path / "layout", {"quay.io/other:1": [listed(SBOM)], **named}), make_registry()
    (tmp_path / "layout" / "blobs" / SBOM.digest.replace(":", "/")).write_bytes(bytes(len(SBOM.raw)))
    stored = plugin("module_utils._tasks.sync_stored")
    read, times = stored.read_manifest, []

    def count(*given: t.Any) -> t.Any:
        times.append(given)
        return read(*given)

    monkeypatch.setattr(stored, "read_manifest", count)
    entries = [{"src": name, "dest": "app", "referrers": True} for name in named]
    result = run_module("registry_sync", import_from(path, destination, images=entries)).failure("digest_mismatch")
    assert all("is corrupt" in image["error"]["msg"] for image in result["images"])
    assert len(times) <= len(named) + 2


def test_what_cosign_has_saved_with_an_image_comes_along(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    kinds = {"imageIndex": IMAGE, "sigs": SIGNATURE, "atts": OTHER}
    path = Path(write(tmp_path / "layout", {"": list(kinds.values())}))
    index = json.loads((path / "index.json").read_text(encoding="utf-8"))
    for kind, entry in zip(kinds, index["manifests"]):
        entry["annotations"] = {"kind": f"dev.cosignproject.cosign/{kind}"}
    (path / "index.json").write_text(json.dumps(index), encoding="utf-8")
    destination = make_registry()
    tags = {"1": IMAGE.digest, f"{key(IMAGE)}.sig": SIGNATURE.digest, f"{key(IMAGE)}.att": OTHER.digest}
    for referrers in (False, True):
        arguments = import_from(str(path), destination, images=[{"src": IMAGE.digest, "dest": "app:1", "referrers": referrers}])
        run_module("registry_sync", arguments).ok()
        assert destination.tags("app") == (tags if referrers else {"1": IMAGE.digest})
    assert not run_module("registry_sync", arguments).ok().changed
