# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many small images in the registry without credentials: enough tags for a deletion to meet another one.

``python -m tests.servers.crowd fill FOLDER PREFIX REPOSITORIES TAGS`` puts tags, named by numbers from 1 on, each on an image of its own,
into repositories that are called PREFIX and a number.
``python -m tests.servers.crowd look FOLDER PREFIX REPOSITORIES`` prints the tags that each lists, and the ghosts among them, which lead nowhere.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import sys
import typing as t
from pathlib import Path

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'


class Crowd:
    """A repository of the registry without credentials that the facts in ``folder`` know."""

    def __init__(self, folder: Path, repository: str) -> None:
        facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
        self._connection = http.client.HTTPConnection(facts["registries"]["open"]["host"], timeout=30)
        self._path = f"/v2/{repository}"

    def fill(self, count: int) -> None:
        """Put the tags 1 to ``count`` there."""
        digest = f"sha256:{hashlib.sha256(_CONFIG).hexdigest()}"
        session = self._send("POST", f"{self._path}/blobs/uploads/", 202)[1]["Location"]
        self._send("PUT", f"{session}&digest={digest}", 201, _CONFIG, "application/octet-stream")
        config = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": len(_CONFIG)}
        for number in range(1, count + 1):
            manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": config, "layers": [], "annotations": {"number": str(number)}}
            self._send("PUT", f"{self._path}/manifests/{number}", 201, json.dumps(manifest).encode(), _MANIFEST)

    def look(self) -> dict[str, list[str]]:
        """Return the tags that are listed, and those among them that cannot be read."""
        tags = sorted(json.loads(self._send("GET", f"{self._path}/tags/list", 200)[0])["tags"] or [])
        return {"tags": tags, "ghosts": [tag for tag in tags if not self._is_there(tag)]}

    def _is_there(self, tag: str) -> bool:
        self._connection.request("GET", f"{self._path}/manifests/{tag}", headers={"Accept": _MANIFEST})
        answer = self._connection.getresponse()
        answer.read()
        return answer.status == 200

    def _send(self, method: str, path: str, expected: int, body: bytes = b"", kind: str = "") -> tuple[bytes, t.Mapping[str, str]]:
        self._connection.request(method, path, body, {"Content-Type": kind} if kind else {})
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != expected:
            raise SystemExit(f"{method} {path} was answered {answer.status}: {content[:300].decode('utf-8', 'replace')}")
        return content, dict(answer.getheaders())


def main() -> None:
    """Fill repositories, or look at them."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers.crowd", description="Many small images in a registry.")
    parser.add_argument("command", choices=["fill", "look"])
    parser.add_argument("folder", type=Path, help="the folder of the servers")
    parser.add_argument("prefix")
    parser.add_argument("repositories", type=int)
    parser.add_argument("tags", type=int, nargs="?", default=0)
    options = parser.parse_args()
    crowds = {str(number): Crowd(options.folder, f"{options.prefix}{number}") for number in range(1, options.repositories + 1)}
    if options.command == "fill":
        for crowd in crowds.values():
            crowd.fill(options.tags)
    else:
        json.dump({number: crowd.look() for number, crowd in crowds.items()}, sys.stdout)


if __name__ == "__main__":
    main()
