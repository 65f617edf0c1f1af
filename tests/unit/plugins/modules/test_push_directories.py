# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_push of directories: links in them, trees of dir:, and what check mode finds in them."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.pushes import Push, make_push
from ansible_collections.ocitools.registry.tests.unit.plugins.tars import COMPRESSIONS, tar_bytes
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

IMAGE = images.image(layers=("a", "b"))
INDEX = images.multi_arch()
INDEX_LAYER = images.image("linux/arm64", ("base", "app-linux-arm64")).document["layers"][1]["digest"]


@pytest.fixture
def push(registry: FakeRegistry, run_module: RunModule) -> Push:
    """Push a path to app:1, in check mode first and twice in the end."""
    return make_push(registry, run_module)


# Links in a layout


def linked(folder: Path, content: images.Content, form: str) -> str:
    """Write a layout in which every blob is a link to a file of the layout."""
    layout = Path(images.write_layout(folder / "layout", content))
    if form == "a folder":
        (layout / "blobs").rename(layout / "kept")
        (layout / "blobs").symlink_to("kept")
        return str(layout)
    (layout / "kept").mkdir()
    for blob in (layout / "blobs/sha256").iterdir():
        kept = layout / "kept" / blob.name[:12]
        blob.rename(kept)
        blob.symlink_to(kept if form == "in full" else f"../../blobs/../kept/{kept.name}")
    return str(layout)


@pytest.mark.parametrize("form", ["relative", "in full", "a folder"])
@pytest.mark.parametrize("beneath", [False, True])
def test_links_that_stay_in_the_layout_are_followed(push: Push, tmp_path: Path, form: str, beneath: bool) -> None:
    path = linked(tmp_path, IMAGE, form)
    if beneath:
        (tmp_path / "current").symlink_to("layout")
        path = str(tmp_path / "current")
    push(path, IMAGE.digest)


@pytest.mark.parametrize("way", ["../../../outside/{}", "../../../layout/../outside/{}", "/{}", "loop", "../../out/{}"])
def test_t20_a_link_that_leads_out_of_the_layout_is_not_followed(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, way: str
) -> None:
    layout, outside = Path(images.write_layout(tmp_path / "layout", IMAGE)), tmp_path / "outside"
    outside.mkdir()
    (layout / "out").symlink_to("../outside")
    for blob in (layout / "blobs/sha256").iterdir():
        blob.rename(outside / blob.name)
        target = way.format(blob.name) if way[0] != "/" else str(outside / blob.name)
        blob.symlink_to(blob.name if way == "loop" else target)
    result = run_module("registry_push", registry.args(name="app:1", path=str(layout)))
    assert result.error["kind"] == "invalid_source"
    assert "symbolic link" in result.msg
    assert registry.writes() == []


def test_t20_a_pull_takes_no_link_for_what_it_needs(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    registry.add_image("app", "1", layers=1)
    path = tmp_path / "layout"
    run_module("registry_pull", registry.args(name="app:1", path=str(path))).ok()
    for blob in list((path / "blobs/sha256").iterdir()):
        kept = path / "blobs/sha256" / blob.name[::-1]
        blob.rename(kept)
        blob.symlink_to(kept.name)
    assert run_module("registry_pull", registry.args(name="app:1", path=str(path))).ok().changed is True
    assert not any(blob.is_symlink() for blob in (path / "blobs/sha256").iterdir())
    assert run_module("registry_pull", registry.args(name="app:1", path=str(path))).ok().changed is False


# Trees of dir:


def dir_files(content: images.Content) -> dict[str, bytes]:
    """The files that skopeo and podman write for dir:."""
    files = {digest[7:]: raw for digest, raw in content.blobs.items()}
    files.update({f"{digest[7:]}.manifest.json": raw for digest, (_type, raw) in content.manifests.items() if digest != content.digest})
    return {**files, "version": b"Directory Transport Version: 1.1\n", "manifest.json": content.raw}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "content",
    [IMAGE, images.image(docker=True), images.image(compression=""), INDEX, images.multi_arch(docker=True), images.artifact()],
    ids=["image", "docker", "not compressed", "index", "list", "artifact"],
)
def test_a_tree_of_dir_is_pushed_as_it_is(push: Push, tmp_path: Path, content: images.Content, packed: bool) -> None:
    files = dir_files(content)
    path = images.write_files(tmp_path / "tree", files)
    push(images.write_bytes(tmp_path / "tree.tar", tar_bytes(files.items())) if packed else path, content.digest)


def test_a_tree_of_dir_has_no_image_of_another_name(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    arguments = registry.args(name="app:1", path=images.write_files(tmp_path / "tree", dir_files(IMAGE)))
    failed = run_module("registry_push", {**arguments, "source_name": "app:2"}).failure("invalid_source")
    assert "has no image 'app:2'" in failed.msg
    assert IMAGE.digest in failed.msg
    assert run_module("registry_push", {**arguments, "source_name": IMAGE.digest}).ok()["digest"] == IMAGE.digest


@pytest.mark.parametrize("fault", ["a missing layer", "a corrupt layer", "a manifest that is none"])
def test_a_tree_of_dir_that_is_not_whole_is_refused(registry: FakeRegistry, run_module: RunModule, tmp_path: Path, fault: str) -> None:
    files = dir_files(IMAGE)
    layer = IMAGE.document["layers"][0]["digest"][7:]
    if fault == "a missing layer":
        del files[layer]
    elif fault == "a corrupt layer":
        files[layer] = files[layer][:-1] + b"x"
    else:
        files["manifest.json"] = b"{}"
    path = images.write_files(tmp_path / "tree", files)
    for check in (True, False):
        result = run_module("registry_push", registry.args(name="app:1", path=path), check=check)
        assert result.error["kind"] == ("digest_mismatch" if fault == "a corrupt layer" else "invalid_source")
        assert registry.tags("app") == {}


def test_an_archive_of_docker_save_that_was_unpacked_is_named(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    files = {name: raw for name, raw in images.docker_files(IMAGE).items() if isinstance(raw, bytes)}
    result = run_module("registry_push", registry.args(name="app:1", path=images.write_files(tmp_path / "app", files)))
    assert result.error["kind"] == "invalid_source"
    assert "unpacked archive of docker save" in result.msg
    assert "tar" in result.msg


# Check mode

FAULTS: dict[str, t.Callable[[Path], object]] = {
    "missing": lambda blob: blob.unlink(),
    "shorter": lambda blob: blob.write_bytes(blob.read_bytes()[:-1]),
    "longer": lambda blob: blob.write_bytes(blob.read_bytes() + b"x"),
    "corrupt": lambda blob: blob.write_bytes(blob.read_bytes()[:-1] + b"x"),
}


def _damaged(folder: Path, fault: str, form: str) -> str:
    """A layout with a layer that has a fault, as a directory or an archive."""
    layout = folder / "layout"
    path = images.write_layout(layout, INDEX)
    FAULTS[fault](layout / "blobs" / INDEX_LAYER.replace(":", "/"))
    if form == "directory":
        return path
    files = [(str(file.relative_to(layout)), file.read_bytes()) for file in layout.rglob("*") if file.is_file()]
    return images.write_bytes(folder / "app.tar", COMPRESSIONS["" if form == "tar" else form](tar_bytes(files)))


@pytest.mark.parametrize("form", ["directory", "tar", "gzip"])
@pytest.mark.parametrize("fault", FAULTS)
def test_check_mode_finds_what_a_push_would_refuse(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, fault: str, form: str
) -> None:
    path = _damaged(tmp_path, fault, form)
    predicted = run_module("registry_push", registry.args(name="app:1", path=path), check=True)
    assert predicted.failed
    assert registry.writes() == []
    result = run_module("registry_push", registry.args(name="app:1", path=path))
    assert (result.msg, result.error["kind"]) == (predicted.msg, predicted.error["kind"])
    assert registry.tags("app") == {}


@pytest.mark.parametrize("form", ["directory", "gzip"])
@pytest.mark.parametrize("fault", ["missing", "shorter", "longer"])
def test_nothing_is_sent_where_a_blob_is_missing_or_has_another_size(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, fault: str, form: str
) -> None:
    result = run_module("registry_push", registry.args(name="app:1", path=_damaged(tmp_path, fault, form)))
    assert INDEX_LAYER.partition(":")[2] in result.msg
    assert registry.writes() == []


def test_a_blob_that_is_missing_may_be_mounted(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    arguments = registry.args(name="base:1", path=images.write_layout(layout, IMAGE))
    run_module("registry_push", arguments).ok()
    os.unlink(layout / "blobs" / IMAGE.document["layers"][0]["digest"].replace(":", "/"))
    mounted = {**arguments, "name": "app:1", "mount_from": ["base"]}
    assert run_module("registry_push", mounted, check=True).ok().changed is True
    assert run_module("registry_push", mounted).ok()["uploaded_blobs"] == []


def test_check_mode_reads_no_blob_that_is_there(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    arguments = registry.args(name="app:1", path=images.write_layout(layout, IMAGE))
    run_module("registry_push", arguments).ok()
    for layer in IMAGE.document["layers"]:
        os.unlink(layout / "blobs" / layer["digest"].replace(":", "/"))
    assert run_module("registry_push", {**arguments, "name": "app:2"}, check=True).ok().changed is True
    assert run_module("registry_push", {**arguments, "name": "app:2"}).ok().changed is True
