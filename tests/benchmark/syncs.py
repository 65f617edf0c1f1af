# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A repository that is kept in line with another one: registry_sync beside the tools that are no loops."""

from __future__ import annotations

import json
import shutil
import typing as t
from pathlib import Path

from . import images
from .lab import PLAIN, TAG, Case, Commands, Lab, empty, put

_REPOSITORY = TAG.partition(":")[0]
_SYNCED, _FIRST, _APART = 500, 50, 25  # every 25th of 500 images is new
_PARTS = 10
_AT_ONCE = 6  # which is what registry_sync does


def _tags(count: int) -> list[str]:
    return [f"v{number}" for number in range(count)]


def _in_place(lab: Lab) -> None:
    empty(lab)
    for registry in lab.registries:
        put(lab, registry, lab.layout(images.TINY), *_tags(_SYNCED))


def _some_new(lab: Lab) -> None:
    _in_place(lab)
    for number in range(0, _SYNCED, _APART):
        put(lab, lab.first, lab.layout(images.different(number)), f"v{number}")


def _all_new(lab: Lab) -> None:
    empty(lab)
    for number in range(_FIRST):
        put(lab, lab.first, lab.layout(images.different(number)), f"v{number}")


def _sync(count: int, parts: int) -> t.Callable[[Lab], Commands]:
    def commands(lab: Lab) -> Commands:
        source = f"{lab.first.host}/{_REPOSITORY}"
        arguments = {"images": [{"src": source, "include": ["v*"]}], "dest_registry": lab.second.host, **PLAIN}
        found = {"registry_sync": lab.ansible.process("registry_sync", arguments)}
        found["registry_sync in a playbook"] = lab.ansible.task("registry_sync", arguments)
        for name, words in _peers(lab, source, _tags(count // parts)).items():
            found |= {name: words, f"{name} in a playbook": lab.ansible.command(words)}
        return found

    return commands


def _peers(lab: Lab, source: str, tags: list[str]) -> Commands:
    """Return the commands of those that are on PATH; skopeo, which copies one image after another, has a part of the tags."""
    found: Commands = {}
    hosts = [registry.host for registry in lab.registries]
    if shutil.which("regsync"):
        settings = {
            "version": 1,
            "creds": [{"registry": host, "tls": "disabled"} for host in hosts],
            "defaults": {"parallel": _AT_ONCE},
            "sync": [{"source": source, "target": f"{lab.second.host}/{_REPOSITORY}", "type": "repository"}],
        }
        found["regsync once"] = ["regsync", "once", "--config", str(_write(lab, "regsync.yml", settings))]
    if shutil.which("skopeo"):
        listed = {hosts[0]: {"tls-verify": False, "images": {_REPOSITORY: tags}}}
        path = str(_write(lab, "skopeo.yml", listed))
        found["skopeo sync"] = ["skopeo", "sync", "--src", "yaml", "--dest", "docker", "--dest-tls-verify=false", path, lab.second.host]
    return found


def _write(lab: Lab, name: str, content: t.Any) -> Path:
    """Write a file of settings; JSON is YAML, too."""
    path = lab.folder / name
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def _case(title: str, prepare: t.Callable[[Lab], None], count: int, parts: int) -> Case:
    return Case(title, prepare, _sync(count, parts), {f"skopeo sync{where}": parts for where in ("", " in a playbook")})


SYNCS = {
    "sync": _case(f"{_SYNCED} images kept in line, all in place", _in_place, _SYNCED, _PARTS),
    "sync-new": _case(f"{_SYNCED} images kept in line, {_SYNCED // _APART} of them new", _some_new, _SYNCED, _PARTS),
    "sync-first": _case(f"{_FIRST} images synchronised for the first time", _all_new, _FIRST, 1),
}
