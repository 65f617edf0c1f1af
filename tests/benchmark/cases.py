# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured: each case sets registries up and gives one command to each contender."""

from __future__ import annotations

import shlex
import typing as t

from . import images
from .lab import PLAIN, TAG, Case, Commands, Lab, empty, put
from .registries import Registry
from .syncs import SYNCS
from .tools import Peer

_COPY = "copy:1.0"


def _push(image: images.Image) -> t.Callable[[Lab], Commands]:
    def commands(lab: Lab) -> Commands:
        layout, host = lab.layout(image), lab.first.host
        arguments = {"path": str(layout), "name": f"{host}/{TAG}", "plain_http": True}
        by_peers = {peer.name: peer.push(layout, images.NAME, host, TAG) for peer in lab.peers}
        return _all(lab, "registry_push", arguments, by_peers)

    return commands


def _all(lab: Lab, module: str, arguments: dict[str, t.Any], by_peers: Commands) -> Commands:
    in_playbooks = {f"{name} in a playbook": lab.ansible.command(words) for name, words in by_peers.items()}
    ours = {module: lab.ansible.process(module, arguments), f"{module} in a playbook": lab.ansible.task(module, arguments)}
    return {**ours, **by_peers, **in_playbooks}


def _source(lab: Lab) -> None:
    empty(lab)
    put(lab, lab.first, lab.layout(images.MANY), "1.0")


def _copy(destination: t.Callable[[Lab], Registry]) -> t.Callable[[Lab], Commands]:
    def commands(lab: Lab) -> Commands:
        source, host = lab.first.host, destination(lab).host
        arguments = {"src": f"{source}/{TAG}", "dest": f"{host}/{_COPY}", **PLAIN}
        by_peers = {peer.name: peer.copy(source, TAG, host, _COPY) for peer in lab.peers}
        return _all(lab, "registry_copy", arguments, by_peers)

    return commands


def _tags(lab: Lab) -> list[str]:
    return [f"v{number}" for number in range(lab.names)]


def _both(lab: Lab) -> None:
    empty(lab)
    for registry in lab.registries:
        put(lab, registry, lab.layout(images.TINY), *_tags(lab))


def _many(lab: Lab, image_count: int) -> list[tuple[str, str]]:
    repository = TAG.partition(":")[0]
    return [(f"{repository}:{tag}", f"{repository}:{tag}") for tag in _tags(lab)[:image_count]]


PARTS = 20


def _list(lab: Lab) -> Commands:
    first, second = lab.first.host, lab.second.host
    entries = [{"src": f"{first}/{source}", "dest": f"{second}/{name}"} for source, name in _many(lab, lab.names)]
    arguments = {"images": entries, **PLAIN}
    found = {"registry_copy": lab.ansible.process("registry_copy", arguments)}
    found["registry_copy in a playbook"] = lab.ansible.task("registry_copy", arguments)
    for peer in lab.peers:
        commands = [peer.copy(first, source, second, name) for source, name in _many(lab, lab.names // PARTS)]
        found |= _loops(lab, peer, commands)
    return found


def _loops(lab: Lab, peer: Peer, commands: list[list[str]]) -> Commands:
    script = "\n".join(["set -e", *(shlex.join(words) for words in commands)])
    path = lab.folder / f"loop-{peer.name}-{len(list(lab.folder.glob('loop-*')))}.sh"
    path.write_text(script, encoding="utf-8")
    return {f"loop of {peer.name}": ["sh", str(path)], f"loop of {peer.name} in a playbook": lab.ansible.loop(commands)}


LOOKED_UP = 200


def _digests(lab: Lab) -> Commands:
    names = [source for source, _name in _many(lab, min(LOOKED_UP, lab.names))]
    found = {"lookup in a playbook": lab.ansible.digests([f"{lab.first.host}/{name}" for name in names])}
    for peer in lab.peers:
        found |= _loops(lab, peer, [peer.digest(lab.first.host, name) for name in names[: max(len(names) // PARTS, 1)]])
    return found


TASKS = 30
_ACCEPT = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"


def _repeat(lab: Lab, tasks: t.Mapping[str, dict[str, t.Any]]) -> Commands:
    """Return a playbook of many equal tasks for each contender."""
    return {f"{name} in a playbook": lab.ansible.playbook([task] * TASKS) for name, task in tasks.items()}


def _by_peers(lab: Lab, command: t.Callable[[Peer], list[str]]) -> dict[str, dict[str, t.Any]]:
    return {peer.name: {"ansible.builtin.command": {"argv": command(peer)}} for peer in lab.peers}


def _look(lab: Lab) -> Commands:
    host = lab.first.host
    arguments = {"name": f"{host}/{TAG}", "details": "digest", "plain_http": True}
    repository, _colon, tag = TAG.partition(":")
    address: dict[str, t.Any] = {"url": f"http://{host}/v2/{repository}/manifests/{tag}", "method": "HEAD", "headers": {"Accept": _ACCEPT}}
    ours: dict[str, dict[str, t.Any]] = {
        "registry_image_info": {"ocitools.registry.registry_image_info": arguments},
        "uri": {"ansible.builtin.uri": address},
    }
    return _repeat(lab, {**ours, **_by_peers(lab, lambda peer: peer.digest(host, TAG))})


def _tag_again(lab: Lab) -> Commands:
    host = lab.first.host
    arguments = {"name": f"{host}/{TAG}", "tags": ["again"], "plain_http": True}
    ours = {"registry_tag": {"ocitools.registry.registry_tag": arguments}}
    return _repeat(lab, {**ours, **_by_peers(lab, lambda peer: peer.tag(host, TAG, "again"))})


def _push_again(lab: Lab) -> Commands:
    host, layout = lab.first.host, lab.layout(images.MANY)
    arguments = {"path": str(layout), "name": f"{host}/{TAG}", "plain_http": True}
    ours = {"registry_push": {"ocitools.registry.registry_push": arguments}}
    return _repeat(lab, {**ours, **_by_peers(lab, lambda peer: peer.push(layout, images.NAME, host, TAG))})


def _tagged(lab: Lab) -> None:
    empty(lab)
    put(lab, lab.first, lab.layout(images.MANY), "1.0", "again")


SHARDED = 64
HOSTS = (1, 2, 4)


def _many_images(lab: Lab) -> None:
    empty(lab)
    for number in range(SHARDED):
        put(lab, lab.first, lab.layout(images.different(number)), f"v{number}")


def _shards(lab: Lab) -> Commands:
    repository = TAG.partition(":")[0]
    entries = [{"src": f"{lab.first.host}/{repository}:v{number}", "dest": f"app{number}"} for number in range(SHARDED)]
    variables = {"mirror_shard": True, "mirror_dest_registry": lab.second.host, "mirror_images": entries}
    return {f"mirror with {hosts} host{'s' if hosts > 1 else ''}": lab.ansible.role("mirror", variables, hosts) for hosts in HOSTS}


def _loop_parts() -> dict[str, int]:
    return {f"loop of {name}{where}": PARTS for name in ("skopeo", "crane", "regctl") for where in ("", " in a playbook")}


def _huge(lab: Lab) -> Commands:
    path = lab.made("image-huge", "huge")
    return {
        "registry_push": lab.ansible.process("registry_push", {"path": str(path), "name": f"{lab.first.host}/{TAG}", "plain_http": True})
    }


_EXTRACT_MEMORY = 100_000_000
_EXTRACT_AGAIN = 'rm -rf "$0" && exec "$@"'


def _extracted(*words: str) -> t.Callable[[Lab], None]:
    def prepare(lab: Lab) -> None:
        empty(lab)
        put(lab, lab.first, lab.made("-".join(["image", *words]), *words), TAG.partition(":")[2])

    return prepare


def _extract(path: str) -> t.Callable[[Lab], Commands]:
    def commands(lab: Lab) -> Commands:
        dest = str(lab.storage / "extracted")
        arguments = {"name": f"{lab.first.host}/{TAG}", "paths": [path], "dest": f"{dest}/", "plain_http": True}
        process = lab.ansible.process("registry_extract", arguments)
        return {"registry_extract": ["sh", "-c", _EXTRACT_AGAIN, dest, *process], "registry_extract again": process}

    return commands


CASES = {
    "push": Case("push of 5 layers of 200 KiB", empty, _push(images.SMALL)),
    "push-many": Case("push of 20 layers of 200 KiB", empty, _push(images.MANY)),
    "push-large": Case("push of 8 layers of 64 MiB", empty, _push(images.LARGE)),
    "push-huge": Case("push of one layer of 2 GiB, for its memory", empty, _huge),
    "extract-gzip": Case(
        "a file of 2 GiB out of a gzip layer", _extracted("layer", "gzip"), _extract(images.HUGE_FILE), most_memory=_EXTRACT_MEMORY
    ),
    "extract-zstd": Case(
        "a file of 2 GiB out of a zstd layer", _extracted("layer", "zstd"), _extract(images.HUGE_FILE), most_memory=_EXTRACT_MEMORY
    ),
    "extract-one-of-many": Case(
        "one file of a layer of 200,000", _extracted("files"), _extract("/usr/share/d7/f777"), most_memory=_EXTRACT_MEMORY
    ),
    "extract-many": Case(
        "10,000 files of a layer of 200,000", _extracted("files"), _extract("/usr/share/d1??"), most_memory=_EXTRACT_MEMORY
    ),
    "copy": Case("copy inside a registry, 20 layers", _source, _copy(lambda lab: lab.first)),
    "copy-between": Case("copy between two registries, 20 layers", _source, _copy(lambda lab: lab.second)),
    "tasks-info": Case(f"one of {TASKS} tasks: the digest of a tag", _tagged, _look, tasks=TASKS),
    "tasks-tag": Case(f"one of {TASKS} tasks: a tag that is set already", _tagged, _tag_again, tasks=TASKS),
    "tasks-push": Case(f"one of {TASKS} tasks: a push of what is there already", _tagged, _push_again, tasks=TASKS),
    **SYNCS,
    "list": Case("a list of images already in place", _both, _list, _loop_parts()),
    "shard": Case(f"{SHARDED} images mirrored by hosts that divide them", _many_images, _shards),
    "digests": Case("digests of 200 names", _both, _digests, _loop_parts()),
}
