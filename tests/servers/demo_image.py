# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image of the demo, made by Python alone: ``python -m tests.servers.demo_image app.tar --cache FOLDER``."""

from __future__ import annotations

import argparse
import gzip
import hashlib
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from .debian import Unavailable, unpack
from .layout import CONFIG, LAYER, MANIFEST, Descriptor, Layout
from .rootfs import write_app, write_base, write_data, write_text

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "i686": "386", "armv7l": "arm", "loongarch64": "loong64"}
_VERSION = "1.4.2"
_DATA = 64 * 1024 * 1024  # large enough for a line of progress while it is pushed


def _write_layers(folder: Path, cache: Path) -> tuple[list[Path], str]:
    """Write the tars of the layers; return them and words for what they hold."""
    base, data, app = folder / "base.tar", folder / "data.tar", folder / "app.tar"
    write_data(data, "srv/data", _DATA)
    busybox, words = _find_busybox(cache)
    if busybox is None:
        write_text(app, "srv/index.html", f"app {_VERSION}\n")
        return [data, app], words
    write_base(base, busybox)
    write_app(app, _VERSION)
    return [base, data, app], words


def _find_busybox(cache: Path) -> tuple[Path | None, str]:
    try:
        return unpack("busybox-static", cache) / "bin" / "busybox", "Debian's static busybox and a web page"
    except Unavailable:
        own = shutil.which("busybox")
    if own and b"ld-" not in Path(own).read_bytes()[:4096]:  # a program that needs no loader names none
        return Path(own), f"the static {own} and a web page"
    return None, "one text file, since no static busybox can be had here"


def make(path: Path, cache: Path) -> str:
    """Write an OCI archive with one image; return what it holds."""
    with tempfile.TemporaryDirectory() as scratch:
        tars, words = _write_layers(Path(scratch), cache)
        layout = Layout(Path(scratch, "layout"))
        layout.tag(_add_image(layout, tars), _VERSION)
        layout.archive(path)
    return words


def _add_image(layout: Layout, tars: list[Path]) -> Descriptor:
    contents = [tar.read_bytes() for tar in tars]
    machine = platform.machine().lower()
    config = {
        "created": "2026-01-01T00:00:00Z",
        "architecture": _ARCHITECTURES.get(machine, machine),
        "os": "linux",
        "config": {"Cmd": ["/srv/start"], "Env": ["PATH=/bin"], "Labels": {"org.opencontainers.image.version": _VERSION}},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(content).hexdigest()}" for content in contents]},
    }
    layers = [layout.add(gzip.compress(content, 1, mtime=0), LAYER) for content in contents]
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": layout.add_json(config, CONFIG), "layers": layers}
    return layout.add_json(manifest, MANIFEST)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers.demo_image", description="The image of the demo, as an OCI archive.")
    parser.add_argument("path", type=Path)
    parser.add_argument("--cache", type=Path, required=True, help="keeps downloaded packages")
    options = parser.parse_args()
    sys.stdout.write(f"The image holds {make(options.path.absolute(), options.cache.absolute())}.\n")


if __name__ == "__main__":
    main()
