# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real images: Debian's busybox for two architectures, made by umoci, put into every form by skopeo.

``python -m tests.servers.images FOLDER`` makes them and prints where they are and what digests they have.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import json
import lzma
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

from .debian import Unavailable, unpack
from .layout import MANIFEST, Layout
from .rootfs import write_app, write_base, write_layers

_ARCHITECTURES = ("amd64", "arm64")
_PARTS = "application/vnd.ocitools.test.parts"
_VERSIONS = {"amd64": "1.0", "arm64": "1.0", "second": "2.0"}


def _run(*command: str | Path) -> None:
    words = [str(word) for word in command]
    if not shutil.which(words[0]):
        raise Unavailable(f"There is no {words[0]} here: install it, for example by apt-get install {words[0]}.")
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"{' '.join(words[:3])} failed: {done.stderr.strip()[-400:]}")


def _build(folder: Path, cache: Path) -> Layout:
    """Let umoci make an image of two layers for each architecture, and one of a later version."""
    path = folder / "layout"
    _run("umoci", "init", "--layout", path)
    for name, version in _VERSIONS.items():
        architecture = name if name in _ARCHITECTURES else "amd64"
        base, app, image = folder / "base.tar", folder / "app.tar", f"{path}:{name}"
        write_base(base, unpack("busybox-static", cache, architecture) / "bin" / "busybox")
        write_app(app, version)
        _run("umoci", "new", "--image", image)
        for layer in (base, app):
            _run("umoci", "raw", "add-layer", "--image", image, layer)
            layer.unlink()
        options = {"os": "linux", "architecture": architecture, "config.cmd": "/srv/start", "config.env": "PATH=/bin"}
        options["config.label"] = f"org.opencontainers.image.version={version}"
        _run("umoci", "config", "--image", image, *(f"--{name}={value}" for name, value in options.items()))
    return Layout(path)


def _stack(folder: Path) -> None:
    """Let umoci make an image whose layers do to each other what layers can."""
    path = folder / "layered"
    _run("umoci", "init", "--layout", path)
    _run("umoci", "new", "--image", f"{path}:app")
    for layer in write_layers(folder):
        _run("umoci", "raw", "add-layer", "--image", f"{path}:app", layer)
        layer.unlink()


def _join(layout: Layout) -> None:
    """Make what umoci cannot: an index of two platforms, an index that holds that index and another image, and a list of parts."""
    images = layout.entries()
    children = [{**images[name], "platform": {"os": "linux", "architecture": name}} for name in _ARCHITECTURES]
    layout.tag(layout.add_index(children), "multi")
    layout.tag(layout.add_index([layout.entries()["multi"], images["second"]]), "nested")
    parts = layout.add(b'{"parts": ["busybox"]}', "application/vnd.ocitools.test.parts+json")
    empty = layout.add(b"{}", "application/vnd.oci.empty.v1+json")
    about = {"artifactType": _PARTS, "config": empty, "layers": [parts], "subject": images["amd64"]}
    layout.tag(layout.add_json({"schemaVersion": 2, "mediaType": MANIFEST, **about}, MANIFEST), "parts")


def _convert(layout: Layout, folder: Path) -> None:
    """Put the images into the other forms."""
    source = f"oci:{layout.folder}"
    _run("skopeo", "copy", f"{source}:amd64", f"oci:{folder / 'single'}:app")
    _run("skopeo", "copy", f"{source}:amd64", f"oci-archive:{folder / 'single.tar'}:app")
    _run("skopeo", "copy", "--all", f"{source}:multi", f"oci-archive:{folder / 'multi.tar'}:app")
    _run("skopeo", "copy", f"{source}:amd64", f"docker-archive:{folder / 'docker.tar'}:localhost/app:1.0")
    plain = (folder / "single.tar").read_bytes()
    (folder / "single.tar.gz").write_bytes(gzip.compress(plain))
    (folder / "single.tar.bz2").write_bytes(bz2.compress(plain))
    (folder / "single.tar.xz").write_bytes(lzma.compress(plain, preset=0))


def _spoil(folder: Path) -> None:
    """Make what must be refused: a layer with a flipped bit, an archive that ends early, a file that is no image."""
    shutil.copytree(folder / "single", folder / "corrupt")
    layout = Layout(folder / "corrupt")
    manifest = layout.read(layout.entries()["app"])
    layer = layout.path(manifest["layers"][0])
    content = bytearray(layer.read_bytes())
    content[len(content) // 2] ^= 1
    layer.write_bytes(content)
    whole = (folder / "single.tar").read_bytes()
    (folder / "truncated.tar").write_bytes(whole[: len(whole) // 2])
    (folder / "text.tar").write_text("This is no image.\n", encoding="ascii")


def _facts(layout: Layout) -> dict[str, t.Any]:
    entries = layout.entries()
    documents = {name: layout.read(entry) for name, entry in entries.items() if entry["mediaType"] == MANIFEST}
    return {
        "folder": str(layout.folder.parent),
        "layout": str(layout.folder),
        "digests": {name: entry["digest"] for name, entry in entries.items()},
        "media_types": {name: entry["mediaType"] for name, entry in entries.items()},
        "blobs": {name: [blob["digest"] for blob in (document["config"], *document["layers"])] for name, document in documents.items()},
    }


def make(folder: Path, cache: Path) -> dict[str, t.Any]:
    """Make all images in ``folder`` and return the facts about them."""
    folder.mkdir(parents=True, exist_ok=True)
    layout = _build(folder, cache)
    _stack(folder)
    _join(layout)
    _convert(layout, folder)
    _spoil(folder)
    return _facts(layout)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers.images", description="Real images for tests, in every form.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cache", type=Path, required=True, help="keeps downloaded packages")
    options = parser.parse_args()
    try:
        sys.stdout.write(json.dumps(make(options.folder.absolute(), options.cache.absolute())))
    except Unavailable as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
