# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a path is taken for, whatever it is called; and that nothing but it is ever opened."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import tarfile
import threading
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._core.errors import RegistryError
from ansible_collections.ocitools.registry.plugins.module_utils._local.docker_archive import DockerArchive
from ansible_collections.ocitools.registry.plugins.module_utils._local.oci_layout import LayoutImage
from ansible_collections.ocitools.registry.plugins.module_utils._local.source import open_source
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.images import Content
from ansible_collections.ocitools.registry.tests.unit.plugins.sources import CODECS, read_image, refused
from ansible_collections.ocitools.registry.tests.unit.plugins.tars import COMPRESSIONS, Link, tar_bytes

IMAGE = images.image()
INDEX = images.multi_arch(attested=True)


def read(path: str, source_name: str | None = None) -> tuple[type, str, dict[str, bytes]]:
    """What the path was taken for, the digest of its root, and everything in it."""
    with contextlib.closing(open_source(path, source_name)) as opened:
        source = opened.build("gzip", 2, None) if isinstance(opened, DockerArchive) else opened
        with contextlib.closing(source):
            return type(opened), str(source.root.digest), read_image(source)


@pytest.mark.parametrize("name", ["image", "image.tar", "image.tar.gz", "image.zip"])
@pytest.mark.parametrize("codec", CODECS)
def test_what_it_is_does_not_depend_on_its_name(tmp_path: Path, codec: str, name: str) -> None:
    assert read(images.write_oci_archive(tmp_path / name, IMAGE, codec)) == (LayoutImage, IMAGE.digest, IMAGE.files)
    assert read(images.write_docker_archive(tmp_path / name, IMAGE, compression=codec))[0] is DockerArchive


def test_an_archive_in_zstd_is_read_and_without_library_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = images.write_oci_archive(tmp_path / "image.tar", IMAGE, "zstd")
    assert read(path)[1] == IMAGE.digest
    for library in ("zstandard", "compression"):
        monkeypatch.setitem(sys.modules, library, None)
    with refused("missing_library", f"The archive {path} is compressed with zstd", "Python 3.14 or a library", "zstandard"):
        open_source(path)


def test_a_layout_is_read_in_every_form_of_tar(tmp_path: Path) -> None:
    files = [("./", b""), *((f"./{name}", raw) for name, raw in images.layout_files(IMAGE).items())]
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        path = images.write_bytes(tmp_path / "image.tar", tar_bytes(files, form))
        assert read(path)[2] == IMAGE.files


# Archives of Docker 25 and later, which are layouts as well


def mixed(path: Path, content: Content, contents: list[dict[str, t.Any]], without: t.Iterable[str] = ()) -> str:
    """An archive with the layout of ``content`` and this manifest.json, without the blobs of these digests."""
    files = {**images.layout_files({"docker.io/library/app:1": content}), "manifest.json": images.to_json(contents)}
    for digest in without:
        del files[f"blobs/{digest.replace(':', '/')}"]
    return images.write_bytes(path / "image.tar", tar_bytes(files.items()))


def saved(image: Content) -> dict[str, t.Any]:
    """The entry of manifest.json that containerd's store writes: it names blobs of the layout."""
    names = [f"blobs/{entry['digest'].replace(':', '/')}" for entry in (image.document["config"], *image.document["layers"])]
    return {"Config": names[0], "RepoTags": ["app:1"], "Layers": names[1:]}


AMD64, ARM64 = images.image("linux/amd64", ("base", "app-linux-amd64")), images.image("linux/arm64", ("base", "app-linux-arm64"))


@pytest.mark.parametrize("wanted", [None, "app:1", "docker.io/library/app:1", "1"])
def test_a_complete_layout_is_taken_with_all_its_platforms(tmp_path: Path, wanted: str | None) -> None:
    path = mixed(tmp_path, INDEX, [saved(AMD64), saved(ARM64)])
    assert read(path, wanted) == (LayoutImage, INDEX.digest, INDEX.files)


@pytest.mark.parametrize("missing", ["manifest", "layer"])
def test_where_platforms_were_left_out_the_one_that_is_there_keeps_its_manifest(tmp_path: Path, missing: str) -> None:
    without = [ARM64.digest, ARM64.document["layers"][1]["digest"]]
    path = mixed(tmp_path, INDEX, [saved(AMD64)], without if missing == "manifest" else without[1:])
    assert read(path) == (LayoutImage, AMD64.digest, AMD64.files)


def test_where_its_manifest_was_left_out_too_one_is_made(tmp_path: Path) -> None:
    kind, _digest, files = read(mixed(tmp_path, INDEX, [saved(AMD64)], [ARM64.digest, AMD64.digest]))
    assert kind is DockerArchive
    assert AMD64.blobs.items() <= files.items(), "layers that are compressed already go as they are"


def test_layers_that_are_not_compressed_are_compressed(tmp_path: Path) -> None:
    path = images.write_docker_archive(tmp_path / "image.tar", {"app:1": IMAGE, "app:2": IMAGE}, "mixed")
    kind, _digest, files = read(path, "app:2")
    assert kind is DockerArchive
    assert not {images.digest_of(tar) for tar in IMAGE.layer_tars} & files.keys()
    plain = images.image(compression="")
    assert read(images.write_oci_archive(tmp_path / "plain.tar", plain))[1] == plain.digest, "an OCI archive is sent as it is"


def test_names_that_only_one_of_the_two_knows(tmp_path: Path) -> None:
    path = mixed(tmp_path, IMAGE, [{**saved(IMAGE), "RepoTags": ["local/name:3"]}])
    assert read(path, "local/name:3")[:2] == (LayoutImage, IMAGE.digest)
    assert read(path, "docker.io/library/app:1")[0] is LayoutImage
    with refused("invalid_source", "has no image 'other'", "local/name:3"):
        open_source(path, "other")


def test_a_spoilt_layout_is_no_reason_to_take_less(tmp_path: Path) -> None:
    files: dict[str, t.Any] = {**images.layout_files(INDEX), "manifest.json": images.to_json([saved(AMD64)])}
    files[f"blobs/sha256/{ARM64.digest[7:]}"] = ARM64.raw[:-1] + b" "
    with refused("digest_mismatch", ARM64.digest, "corrupt"):
        open_source(images.write_bytes(tmp_path / "image.tar", tar_bytes(files.items())))


# What is no image


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ([("readme", b"text")], "neither index.json with oci-layout (an OCI archive) nor manifest.json (docker save)"),
        ([(f"image/{name}", raw) for name, raw in images.layout_files(IMAGE).items()], "in the directory 'image', not at its top"),
        (
            [(f"./app/{name}", raw) for name, raw in images.docker_files(IMAGE).items()],
            "its manifest.json in the directory 'app', not at its top",
        ),
        ([("web/manifest.json", b"{}"), ("bin/web", b"")], "contains no image"),
        ([("repositories", b"{}"), ("1/layer.tar", b"")], "a Docker version before 1.10"),
        ([("oci-layout", Link("/etc/hostname")), ("index.json", b"{}")], "contains no image"),
        ([], "is empty"),
    ],
)
@pytest.mark.parametrize("codec", ["", "gzip"])
def test_archives_without_an_image(tmp_path: Path, members: list[tuple[str, t.Any]], words: str, codec: str) -> None:
    path = images.write_bytes(tmp_path / "image.tar", COMPRESSIONS[codec](tar_bytes(members)))
    with refused("invalid_source", path, words if members or not codec else "contains no image"):
        open_source(path)


def test_directories_without_an_image(tmp_path: Path) -> None:
    with refused("invalid_source", f"{tmp_path} is not an OCI layout: a directory needs the files oci-layout and index.json"):
        open_source(str(tmp_path))
    (tmp_path / "manifest.json").write_bytes(b"[]")
    with refused("invalid_source", "is not an OCI layout"):
        open_source(str(tmp_path))


@pytest.mark.parametrize("path", ["/nowhere/image.tar", ""])
def test_a_path_that_does_not_exist(path: str) -> None:
    with refused("local_io", f"The path {path} does not exist on the host"):
        open_source(path)


def test_paths_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with refused("local_io", f"{tmp_path}/loop cannot be read: Too many levels"):
        open_source(str(tmp_path / "loop"))
    with refused("local_io", "cannot be read", "embedded null"):
        open_source("image\0.tar")
    images.write_layout(tmp_path / "layout", IMAGE)
    for path, name in ((images.write_oci_archive(tmp_path / "image.tar", IMAGE), "image.tar"), (str(tmp_path / "layout"), "index.json")):
        _deny(monkeypatch, name)
        with refused("local_io", name, "cannot be read: Permission denied"):
            open_source(path)


def _deny(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Refuse to open files of this name, as the system would for another user than root."""
    really = os.open

    def deny(path: t.Any, *args: t.Any, **kwargs: t.Any) -> int:
        if str(path).endswith(name):
            raise PermissionError(13, "Permission denied")
        return really(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", deny)


def test_pipes_devices_and_sockets_are_refused_without_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket has to be short
    os.mkfifo(tmp_path / "fifo")
    for path in (str(tmp_path / "fifo"), "/dev/null", "/dev/zero"):
        with refused("invalid_source", f"{path} is neither a file nor a directory"):
            open_source(path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        with refused("local_io", "socket cannot be read"):
            open_source(str(tmp_path / "socket"))


# Every archive, cut off anywhere, gives an error or the whole image


def _read_or_kind(path: Path) -> t.Any:
    """Return what the file holds, or the kind of the error."""
    try:
        return read(str(path))
    except RegistryError as error:
        return error.kind


@pytest.mark.parametrize("codec", ["", "gzip"])
@pytest.mark.parametrize("form", ["oci", "old", "mixed"])
def test_cut_off_anywhere_it_is_refused_or_whole(tmp_path: Path, form: str, codec: str) -> None:
    path = tmp_path / "image.tar"
    if form == "oci":
        images.write_oci_archive(path, IMAGE, codec)
    else:
        images.write_docker_archive(path, IMAGE, form, codec)
    raw, whole = path.read_bytes(), read(str(path))
    for length in range(0, len(raw), max(1, len(raw) // 61)):
        path.write_bytes(raw[:length])
        found = _read_or_kind(path)
        assert found in (whole, "invalid_source"), found


# Nothing else is opened

_opened: list[str] | None = None


def _watch(event: str, args: tuple[t.Any, ...]) -> None:
    if event == "open" and _opened is not None and threading.current_thread() is threading.main_thread():
        _opened.append(str(args[0]))


def test_nothing_but_the_path_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = tmp_path / "layout"
    images.write_layout(layout, IMAGE)
    for blob in (layout / "blobs/sha256").iterdir():
        if blob.name != IMAGE.digest[7:]:
            blob.unlink()
            blob.symlink_to("/etc/passwd")
    evil = {
        name: raw if isinstance(raw, bytes) and "json" in name else Link("/etc/passwd") for name, raw in images.docker_files(IMAGE).items()
    }
    archive = images.write_bytes(tmp_path / "image.tar", tar_bytes(evil.items()))
    sys.addaudithook(_watch)
    opened: list[str] = []
    monkeypatch.setattr(sys.modules[__name__], "_opened", opened)
    for path, words in ((archive, "/layer.tar' is missing"), (str(layout), "is a symbolic link")):
        with refused("invalid_source", words):
            read(path)
    monkeypatch.setattr(sys.modules[__name__], "_opened", None)
    assert archive in opened
    relative = {
        "oci-layout",
        "index.json",
        "manifest.json",
        "blobs",
        "sha256",
        *(path.name for path in (layout / "blobs/sha256").iterdir()),
    }
    # A path that was given as a number is a file that was opened before.
    assert {name for name in opened if not name.isdigit() and not name.endswith((".py", ".pyc"))} <= {archive, str(layout), *relative}
