# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The world of one run: a registry, the folders of a task, and what must be the same afterwards."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import typing as t
from pathlib import Path

from ..unit.plugins import images
from ..unit.registry.auth import Basic, Open, TokenAuth
from ..unit.registry.fake import FakeRegistry
from ..unit.registry.store import Stored
from ..unit.registry.wire import Answer
from .changes import Change, change_answer, change_file, change_json

SECRET = "what-nobody-may-read-8Jr2"
ROLES = 4
"""How many documents can be changed: config, manifest, index and referrer."""

SETTINGS: tuple[tuple[t.Callable[[], Open], dict[str, t.Any]], ...] = (
    (Basic, {}),
    (TokenAuth, {}),
    (Open, {"page_size": 2, "referrers_page": 1, "link": "absolute"}),
    (TokenAuth, {"blob_redirect": True, "location": "other_host"}),
    (Basic, {"referrers": False, "delete_by_tag": "digest_invalid", "mount": "ignored"}),
    (Open, {"head_manifest": "405", "head_blob": "405", "head_digest": "off", "get_digest": "off", "put_digest": "off"}),
)
"""Kinds of registries: the first one is that of the entries of the table, which must do what they say on all of them."""

_LABELS = {"org.opencontainers.image.version": "1.0", "team": "blue"}


class World:
    """A registry with images in ``app``, and the folders ``in`` (files to read), ``out``, ``elsewhere``, ``home`` and ``tmp``.

    ``app`` has the tags ``1`` (a referrer signs it), ``old``, ``multi`` and ``broken``, whose config is not what its digest says; ``torn`` is the digest of a
    manifest that is not what its digest says.
    """

    def __init__(self, folder: Path, documents: t.Sequence[Change] = (), setting: int = 0) -> None:
        self.folder = folder
        for name in ("in", "out", "elsewhere", "home", "tmp"):
            (folder / name).mkdir()
        (folder / "elsewhere" / "secret").write_text(SECRET, encoding="ascii")
        auth, switches = SETTINGS[setting]
        self.registry = FakeRegistry(auth=auth(), validates=False, **switches)
        self.mended = False
        """Whether a change happened to make right what the registry has wrong."""
        self._right: set[str] = set()
        self._count = 0
        self._lock = threading.Lock()
        self._fill(documents)

    def _fill(self, documents: t.Sequence[Change]) -> None:
        registry = self.registry
        image = registry.add_image("app", "1", config={"config": {"Labels": _LABELS}})
        registry.add_image("app", "old")
        index = registry.add_index("app", "multi", attestations=True)
        referrer = registry.add_referrer("app", image.digest)
        self.referrer = referrer.digest
        changed = {
            "config": registry.blob("app", image.config["digest"]),
            "manifest": image.raw,
            "index": index.raw,
            "referrer": referrer.raw,
        }
        for change in documents:
            role = list(changed)[change.nth % len(changed)]
            changed[role] = change_json(changed[role], change)
        if documents:
            self._replace(changed, image.config["digest"])
        broken = registry.add_image("app", "broken", seed="broken")
        self._spoil(broken.config["digest"])
        torn = registry.add_image("app", "torn", seed="torn")
        registry.remove_tag("app", "torn")
        self.torn = torn.digest
        self._right |= {broken.config["digest"], torn.digest}
        with registry.store.lock:
            raw = torn.raw.replace(b'"schemaVersion": 2', b'"schemaVersion": 2 ')
            registry.store.get("app").manifests[torn.digest] = Stored(torn.digest, torn.media_type, raw)

    def _replace(self, changed: t.Mapping[str, bytes], config: str) -> None:
        """Put documents in whose digests are right, and which nobody would make."""
        new = self.registry.add_blob("app", changed["config"], "application/vnd.oci.image.config.v1+json")
        manifest = changed["manifest"].replace(config.encode(), new["digest"].encode())
        try:
            document = json.loads(manifest)
            document["config"]["size"] = new["size"]
            manifest = json.dumps(document).encode()
        except (ValueError, TypeError, KeyError):
            pass  # then it stays what it is
        self.registry.add_manifest("app", manifest, images.OCI_MANIFEST, "1")
        self.registry.add_manifest("app", changed["index"], images.OCI_INDEX, "multi")
        self.registry.add_manifest("app", changed["referrer"], images.OCI_MANIFEST)

    def _spoil(self, digest: str) -> None:
        repository = self.registry.store.get("app")
        with self.registry.store.lock:
            data = repository.blobs[digest].read()
            repository.blobs[digest] = self.registry.store.new_blob(data.replace(b"amd64", b"arm64"))

    def spoil_answers(self, changes: t.Sequence[Change], endpoints: t.Collection[str]) -> None:
        """Change the answers that the changes count, those of ``endpoints`` alone where there are any."""

        def spoil(answer: Answer) -> None:
            with self._lock:
                count, self._count = self._count, self._count + 1
            for change in changes:
                if change.nth == count:
                    change_answer(answer, change)
            if f"sha256:{hashlib.sha256(answer.content()).hexdigest()}" in self._right:
                self.mended = True

        for endpoint in endpoints or [""]:
            rule = self.registry.on(endpoint, times=None, optional=True, before_auth=True)
            rule.change(spoil)

    def spoil_files(self, changes: t.Sequence[Change]) -> None:
        """Change the files that a task reads."""
        for change in changes:
            files = sorted(path for path in (self.folder / "in").rglob("*") if path.is_file())
            if files:
                change_file(files[change.nth % len(files)], change, self.folder / "elsewhere" / "secret")

    def args(self, options: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        """Return all options of a task."""
        more = {"allowed_hosts": [self.registry.storage.host]} if self.registry.style.blob_redirect else {}
        return {**self.registry.args(), **more, "timeout": 1, "retries": 0, "concurrency": 1, **options}

    def environment(self) -> dict[str, str]:
        """Return the variables of the environment that lead into this world."""
        return {"HOME": str(self.folder / "home"), "TMPDIR": str(self.folder / "tmp")}

    def snapshot(self, *names: str) -> dict[str, str]:
        """Return what is in folders: paths with what they are."""
        found = {}
        for name in names:
            for path in sorted((self.folder / name).rglob("*")):
                content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else ""
                link = os.readlink(path) if path.is_symlink() else ""
                found[str(path.relative_to(self.folder))] = f"{path.lstat().st_mode:o} {link} {content}"
        return found

    def close(self) -> None:
        """End the registry."""
        self.registry.close()
