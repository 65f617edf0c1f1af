# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A second opinion: skopeo puts images into a registry, and judges what others put there.

``python -m tests.servers.peer put FOLDER KIND REPOSITORY '{"tag": "image of the layout", ...}' --layout LAYOUT``
``python -m tests.servers.peer judge FOLDER KIND REPOSITORY '{":tag or @digest": "digest, empty where it must be absent", ...}'``
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import typing as t
from pathlib import Path


class Disagreement(Exception):
    """skopeo sees something else."""


class Peer:
    """skopeo, logged in to the registry of one kind that the facts in ``folder`` know."""

    def __init__(self, folder: Path, kind: str) -> None:
        facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
        registry = facts["registries"][kind]
        self._host = registry["host"]
        self._login = {"tls-verify": "false"} if registry.get("plain_http") else {"cert-dir": facts["certificates"]}
        if "username" in registry:
            self._login["creds"] = f"{registry['username']}:{registry['password']}"

    def put(self, repository: str, layout: Path, tags: t.Mapping[str, str]) -> None:
        """Copy images of a layout to tags."""
        for tag, image in tags.items():
            login = self._options("dest-")
            _run("skopeo", "copy", "--all", *login, f"oci:{layout}:{image}", f"docker://{self._host}/{repository}:{tag}")

    def judge(self, repository: str, images: t.Mapping[str, str]) -> None:
        """Hold the bytes of manifests, and copies of the whole images, against digests."""
        for suffix, expected in images.items():
            name = f"{self._host}/{repository}{suffix}"
            raw = self._read(name)
            found = f"sha256:{hashlib.sha256(raw).hexdigest()}" if raw is not None else ""
            if found != expected:
                raise Disagreement(f"skopeo finds {found or 'nothing'} at {name}, not {expected or 'nothing'}.")
            if raw is not None:
                self._pull(name, raw, expected)

    def _read(self, name: str) -> bytes | None:
        done = subprocess.run(["skopeo", "inspect", "--raw", *self._options(), f"docker://{name}"], capture_output=True, check=False)
        if not done.returncode:
            return done.stdout
        if b"manifest unknown" in done.stderr or b"name unknown" in done.stderr:
            return None
        raise Disagreement(f"skopeo cannot read {name}: {done.stderr.decode('utf-8', 'replace')[-400:]}")

    def _pull(self, name: str, raw: bytes, expected: str) -> None:
        """Copy the whole image to a layout; skopeo cannot do that with an index within an index."""
        if any("index" in child["mediaType"] for child in json.loads(raw).get("manifests", ())):
            return
        with tempfile.TemporaryDirectory() as copy:
            login = self._options("src-")
            _run("skopeo", "copy", "--all", "--preserve-digests", *login, f"docker://{name}", f"oci:{copy}:judged")
            index = json.loads(Path(copy, "index.json").read_text(encoding="utf-8"))
            found = index["manifests"][0]["digest"]
            if found != expected:
                raise Disagreement(f"skopeo copies {found} from {name}, not {expected}.")

    def _options(self, side: str = "") -> list[str]:
        return [f"--{side}{name}={value}" for name, value in self._login.items()]


def _run(*command: str) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Disagreement(f"{' '.join(command)} failed: {done.stderr.strip()[-400:]}")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers.peer", description="Images put into registries, and judged, by skopeo.")
    parser.add_argument("command", choices=["put", "judge"])
    parser.add_argument("folder", type=Path, help="that of the servers")
    parser.add_argument("kind", help="which of the servers")
    parser.add_argument("repository")
    parser.add_argument("--layout", type=Path, help="where put finds images")
    parser.add_argument("images", type=json.loads, help="put: image names by tag; judge: digests by :tag or @digest")
    options = parser.parse_args()
    try:
        peer = Peer(options.folder, options.kind)
        if options.command == "put":
            peer.put(options.repository, options.layout, options.images)
        else:
            peer.judge(options.repository, options.images)
    except Disagreement as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
