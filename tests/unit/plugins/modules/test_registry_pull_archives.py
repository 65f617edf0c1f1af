# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_pull to archives: what is in them, byte for byte, and when they are written anew."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.pulls import (
    Pull,
    content_of,
    digests_of,
    large_image,
    make_pull,
    members_of,
    put,
    tree,
)
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

FORMATS = ["oci-archive", "docker-archive"]


@pytest.fixture
def pull(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> Pull:
    """Pull app:1.0 to the file "app.tar"."""
    return make_pull(registry, run_module, tmp_path / "app.tar")


# OCI archives


@pytest.mark.parametrize(
    "content",
    [images.image(), images.multi_arch(), images.nested(), images.image(docker=True), images.artifact(), images.image(algorithm="sha512")],
    ids=["image", "index", "nested", "docker", "artifact", "sha512"],
)
def test_an_oci_archive_is_the_layout_in_a_tar(
    registry: FakeRegistry, run_module: RunModule, pull: Pull, tmp_path: Path, content: images.Content
) -> None:
    put(registry, "app", "1.0", content)
    result = pull("oci-archive").ok()
    assert (result.changed, result["digest"], result["format"]) == (True, content.digest, "oci-archive")
    run_module("registry_pull", registry.args(name="app:1.0", path=str(tmp_path / "layout"))).ok()
    assert members_of(tmp_path / "app.tar") == {name: raw for name, raw in tree(tmp_path / "layout").items() if raw}
    assert content_of(tmp_path / "app.tar", "1.0") == content.files


def test_an_oci_archive_that_is_there_costs_one_request(registry: FakeRegistry, pull: Pull, tmp_path: Path) -> None:
    put(registry, "app", "1.0", images.multi_arch())
    pull("oci-archive").ok()
    before = tree(tmp_path)
    registry.clear()
    result = pull("oci-archive").ok()
    assert result.changed is False
    assert registry.log() == ["HEAD /v2/app/manifests/1.0"]
    assert tree(tmp_path) == before


def test_an_oci_archive_that_is_pinned_and_there_costs_none(registry: FakeRegistry, pull: Pull) -> None:
    content = put(registry, "app", "1.0", images.image())
    pull("oci-archive", name=f"app@{content.digest}").ok()
    registry.clear()
    assert pull("oci-archive", name=f"app@{content.digest}").ok().changed is False
    assert registry.log() == []


def test_an_oci_archive_of_another_tool_is_taken_as_it_is(registry: FakeRegistry, pull: Pull, tmp_path: Path) -> None:
    content = put(registry, "app", "1.0", images.image())
    images.write_oci_archive(tmp_path / "app.tar", {"1.0": content}, "gzip")
    before = tree(tmp_path)
    assert pull("oci-archive").ok().changed is False
    assert tree(tmp_path) == before


# Both


@pytest.mark.parametrize("kind", FORMATS)
def test_the_same_image_makes_the_same_bytes(registry: FakeRegistry, pull: Pull, tmp_path: Path, kind: str) -> None:
    put(registry, "app", "1.0", large_image(3_000_000, 100, 1_500_000))
    pull(kind, path=str(tmp_path / "one")).ok()
    mask = os.umask(0o077)
    try:
        pull(kind, path=str(tmp_path / "two"), concurrency=1).ok()
    finally:
        os.umask(mask)
    one, two = (tmp_path / "one").read_bytes(), (tmp_path / "two").read_bytes()
    assert one == two
    assert len(one) % 10240 == 0


@pytest.mark.parametrize("kind", FORMATS)
def test_an_archive_is_written_anew_when_the_tag_has_moved(registry: FakeRegistry, pull: Pull, tmp_path: Path, kind: str) -> None:
    put(registry, "app", "1.0", images.image(layers=["old"]))
    pull(kind).ok()
    new = put(registry, "app", "1.0", images.image(layers=["new"]))
    checked = pull(kind, check=True, diff=True).ok()
    result = pull(kind, diff=True).ok()
    assert checked["diff"] == result["diff"]
    assert result.changed is True
    assert digests_of(result["downloaded_blobs"]) == set(new.blobs)
    assert pull(kind).ok().changed is False
    assert list(tree(tmp_path)) == ["app.tar"]


@pytest.mark.parametrize("kind", FORMATS)
def test_an_archive_gets_the_new_name_though_the_image_is_the_same(registry: FakeRegistry, pull: Pull, tmp_path: Path, kind: str) -> None:
    content = put(registry, "app", "1.0", images.image())
    put(registry, "app", "2.0", content)
    pull(kind).ok()
    assert pull(kind, name="app:2.0").ok().changed is True
    assert registry.name("app:2.0").encode() in (tmp_path / "app.tar").read_bytes()


@pytest.mark.parametrize("kind", FORMATS)
def test_a_damaged_archive_is_written_anew(registry: FakeRegistry, pull: Pull, tmp_path: Path, kind: str) -> None:
    put(registry, "app", "1.0", images.image(compression=""))
    pull(kind).ok()
    right = (tmp_path / "app.tar").read_bytes()
    for spoilt in (right.replace(b"srv/base", b"srv/evil"), right[: len(right) // 2], b"", b"no archive"):
        assert spoilt != right
        (tmp_path / "app.tar").write_bytes(spoilt)
        assert pull(kind, check=True).ok().changed is True
        assert pull(kind).ok().changed is True
        assert (tmp_path / "app.tar").read_bytes() == right


@pytest.mark.parametrize("kind", FORMATS)
def test_an_archive_has_the_mode_of_the_task_else_the_one_it_had(registry: FakeRegistry, pull: Pull, tmp_path: Path, kind: str) -> None:
    def mode() -> int:
        return stat.S_IMODE((tmp_path / "app.tar").stat().st_mode)

    put(registry, "app", "1.0", images.image(layers=["old"]))
    pull(kind, mode="0640").ok()
    assert mode() == 0o640
    put(registry, "app", "1.0", images.image(layers=["new"]))
    assert pull(kind).ok().changed is True
    assert mode() == 0o640
    assert pull(kind, mode="u=rw,go=").ok().changed is True
    assert mode() == 0o600
    put(registry, "app", "1.0", images.image(layers=["newest"]))
    checked, done = pull(kind, mode="0644", check=True, diff=True).ok(), pull(kind, mode="0644", diff=True).ok()
    assert checked["diff"] == done["diff"]
    assert (done["diff"]["before"]["mode"], done["diff"]["after"]["mode"]) == ("0600", "0644")
    assert mode() == 0o644
    put(registry, "app", "1.0", images.image())
    assert pull(kind, mode="g+w").ok().changed is True
    assert mode() == 0o664


@pytest.mark.parametrize("kind", FORMATS)
def test_a_link_to_an_archive_stays_a_link(registry: FakeRegistry, pull: Pull, tmp_path: Path, kind: str) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "app.tar").symlink_to("store/real.tar")
    put(registry, "app", "1.0", images.image())
    assert pull(kind).ok().changed is True
    assert (tmp_path / "app.tar").is_symlink()
    assert [item.name for item in (tmp_path / "store").iterdir()] == ["real.tar"]
    assert pull(kind).ok().changed is False


@pytest.mark.parametrize("kind", FORMATS)
def test_check_mode_writes_nothing(registry: FakeRegistry, pull: Pull, tmp_path: Path, kind: str) -> None:
    put(registry, "app", "1.0", images.image())
    checked = pull(kind, check=True, diff=True).ok()
    assert tree(tmp_path) == {}
    assert "get_blob" not in registry.counts()
    done = pull(kind, diff=True).ok()
    for key in ("changed", "digest", "image_size", "downloaded_blobs", "existing_blobs", "downloaded_bytes", "skipped_layers", "diff"):
        assert checked[key] == done[key], key


def test_append_is_for_layouts(pull: Pull) -> None:
    pull("oci-archive", append=True).failure("invalid_option")
