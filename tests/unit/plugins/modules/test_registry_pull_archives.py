# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_pull to archives: what is in them, byte for byte, and when they are written anew."""

from __future__ import annotations

import json
import os
import stat
import tarfile
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.pulls import content_of, large_image, put, tree
from ansible_collections.ocitools.registry.tests.unit.plugins.sources import HAS_ZSTD
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

FORMATS = ["oci-archive", "docker-archive"]
Pull = t.Callable[..., Result]


@pytest.fixture
def pull(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> Pull:
    """Pull app:1.0 to the file "app.tar"."""

    def run(kind: str = "docker-archive", check: bool = False, diff: bool = False, **options: t.Any) -> Result:
        arguments = {"name": "app:1.0", "path": str(tmp_path / "app.tar"), "format": kind, **options}
        return run_module("registry_pull", registry.args(**arguments), check=check, diff=diff)

    return run


def members(path: Path) -> dict[str, bytes]:
    """The files of an archive, which has nothing but files and directories of nobody and no time."""
    found = {}
    with tarfile.open(path) as archive:
        for member in archive:
            assert member.isfile() or member.isdir()
            assert (member.mtime, member.uid, member.gid, member.uname, member.gname) == (0, 0, 0, "", "")
            if member.isfile():
                assert member.name not in found
                found[member.name] = t.cast("t.IO[bytes]", archive.extractfile(member)).read()
    return found


def contents(path: Path) -> dict[str, t.Any]:
    """The one entry of manifest.json."""
    (entry,) = json.loads(members(path)["manifest.json"])
    return t.cast("dict[str, t.Any]", entry)


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
    assert members(tmp_path / "app.tar") == {name: raw for name, raw in tree(tmp_path / "layout").items() if raw}
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


# Archives of docker save


@pytest.mark.parametrize("compression", ["", "gzip", *(["zstd"] if HAS_ZSTD else [])])
def test_a_docker_archive_holds_the_layers_decompressed(registry: FakeRegistry, pull: Pull, tmp_path: Path, compression: str) -> None:
    content = put(registry, "app", "1.0", images.image(compression=compression, layers=["a", "b", "a"]))
    result = pull().ok()
    assert (result.changed, result["digest"]) == (True, content.digest)
    names = [f"{images.digest_of(tar)[7:]}.tar" for tar in content.layer_tars]
    config = f"{images.digest_of(content.config)[7:]}.json"
    assert contents(tmp_path / "app.tar") == {"Config": config, "RepoTags": [registry.name("app:1.0")], "Layers": names}
    found = members(tmp_path / "app.tar")
    del found["manifest.json"]
    assert found == {config: content.config, **dict(zip(names, content.layer_tars))}


def test_a_docker_archive_is_pushed_with_the_same_config(registry: FakeRegistry, run_module: RunModule, pull: Pull, tmp_path: Path) -> None:
    content = put(registry, "app", "1.0", images.image())
    pull().ok()
    run_module("registry_push", registry.args(path=str(tmp_path / "app.tar"), name="copy:1.0")).ok()
    pushed = registry.manifest("copy", "1.0")
    assert pushed is not None
    assert pushed.document["config"]["digest"] == images.digest_of(content.config)


def test_a_docker_archive_that_is_there_downloads_no_blob(token_registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    put(token_registry, "app", "1.0", images.image())
    arguments = token_registry.args(name="app:1.0", path=str(tmp_path / "app.tar"), format="docker-archive")
    run_module("registry_pull", arguments).ok()
    assert token_registry.counts() == {"get_manifest": 2, "token": 1, "get_blob": 3}
    before = tree(tmp_path)
    token_registry.clear()
    result = run_module("registry_pull", arguments).ok()
    assert result.changed is False
    assert len(result["existing_blobs"]) == 3
    assert token_registry.counts() == {"get_manifest": 2, "token": 1}
    assert tree(tmp_path) == before


@pytest.mark.parametrize("form", ["old", "mixed", "packed"])
def test_a_docker_archive_of_another_tool_is_taken_as_it_is(registry: FakeRegistry, pull: Pull, tmp_path: Path, form: str) -> None:
    content = put(registry, "app", "1.0", images.image())
    images.write_docker_archive(tmp_path / "app.tar", {registry.name("app:1.0"): content}, form)
    before = tree(tmp_path)
    assert pull().ok().changed is False
    assert tree(tmp_path) == before


def test_a_docker_archive_takes_one_platform_of_an_index(registry: FakeRegistry, pull: Pull, tmp_path: Path) -> None:
    content = put(registry, "app", "1.0", images.multi_arch())
    failed = pull().failure("invalid_option")
    assert "linux/amd64, linux/arm64" in failed.msg
    pull(platforms=["linux/amd64", "linux/arm64"]).failure("invalid_option")
    pull(platforms=["linux/riscv64"]).failure("not_found")
    assert tree(tmp_path) == {}
    result = pull(platforms=["linux/arm64"]).ok()
    chosen = content.document["manifests"][1]
    assert chosen["platform"]["architecture"] == "arm64"
    assert result["digest"] == chosen["digest"]
    assert json.loads(members(tmp_path / "app.tar")[contents(tmp_path / "app.tar")["Config"]])["architecture"] == "arm64"
    assert pull(platforms=["linux/arm64"]).ok().changed is False
    assert pull(platforms=["linux/amd64"]).ok().changed is True


def test_a_single_image_is_taken_for_its_own_platform_only(registry: FakeRegistry, pull: Pull) -> None:
    put(registry, "app", "1.0", images.image("linux/arm64"))
    assert "linux/arm64" in pull(platforms=["linux/amd64"]).failure("not_found").msg
    assert pull(platforms=["linux/arm64/v8"]).ok().changed is True


def test_an_image_that_is_pulled_by_digest_gets_no_tag(registry: FakeRegistry, pull: Pull, tmp_path: Path) -> None:
    content = put(registry, "app", "1.0", images.image())
    pull(name=f"app@{content.digest}").ok()
    assert contents(tmp_path / "app.tar")["RepoTags"] == []


@pytest.mark.parametrize("content", [images.artifact(), images.image(foreign=True)], ids=["artifact", "foreign"])
def test_what_docker_cannot_load_is_refused(registry: FakeRegistry, pull: Pull, tmp_path: Path, content: images.Content) -> None:
    put(registry, "app", "1.0", content)
    pull().failure("unsupported")
    assert "get_blob" not in registry.counts()
    assert tree(tmp_path) == {}


def test_a_layer_that_is_not_what_the_config_says_is_refused(registry: FakeRegistry, pull: Pull, tmp_path: Path) -> None:
    added = registry.add_image("app", "1.0", layers=2, config={"rootfs": {"type": "layers", "diff_ids": [images.digest_of(b"other")] * 2}})
    failed = pull().failure("digest_mismatch")
    assert added.layers[0]["digest"] in failed.msg
    registry.add_image("app", "1.0", layers=2, config={"rootfs": {"type": "layers", "diff_ids": []}})
    pull().failure("invalid_source")
    registry.add_image(
        "app", "1.0", layers=[b"same", b"same"], config={"rootfs": {"diff_ids": [images.digest_of(b"same"), "sha256:" + "0" * 64]}}
    )
    pull().failure("invalid_source")
    assert tree(tmp_path) == {}


def test_zstd_needs_a_library(registry: FakeRegistry, run_module_process: t.Callable[..., Result], tmp_path: Path) -> None:
    layer = b"\x28\xb5\x2f\xfd" + bytes(20)
    blob = registry.add_blob("app", layer, "application/vnd.oci.image.layer.v1.tar+zstd")
    config = {"rootfs": {"type": "layers", "diff_ids": [images.digest_of(b"tar")]}}
    described = registry.add_blob("app", json.dumps(config).encode(), images.OCI_CONFIG)
    registry.add_manifest("app", {"schemaVersion": 2, "mediaType": images.OCI_MANIFEST, "config": described, "layers": [blob]}, tag="1.0")
    arguments = registry.args(name="app:1.0", path=str(tmp_path / "app.tar"), format="docker-archive")
    failed = run_module_process("registry_pull", arguments, hide=["zstandard", "compression"]).failure("missing_library")
    assert "zstandard" in failed.msg
    assert tree(tmp_path) == {}


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
    assert {blob["digest"] for blob in result["downloaded_blobs"]} == set(new.blobs)
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
