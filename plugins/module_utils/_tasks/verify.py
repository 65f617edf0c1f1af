# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task of registry_verify: verify signatures of images in registries."""

from __future__ import annotations

import typing as t

from .._core.errors import RegistryError
from .._core.fanout import fan_out
from .._oci.reference import Reference
from .options import ArgumentSpec
from .task import Result, Task
from .verify_option import POLICY, parse_policy

if t.TYPE_CHECKING:
    from .._registry.verification import Examined

OPTIONS: ArgumentSpec = {
    "name": {"type": "list", "elements": "str", "required": True, "aliases": ["image", "names"]},
    **POLICY,
    "unverified": {"type": "str", "choices": ["fail", "report"], "default": "fail"},
}


def _entry(name: str, image: Reference, examined: t.Sequence[Examined]) -> Result:
    reasons = [one.reason if number == 0 else f"{one.digest}: {one.reason}" for number, one in enumerate(examined) if one.reason]
    return {
        "name": name,
        "registry": image.registry,
        "repository": image.repository,
        "tag": None if image.digest and not image.tag else image.tag or "latest",
        "digest": str(examined[0].digest),
        "image": f"{image.name}@{examined[0].digest}",
        "verified": not reasons,
        "reason": reasons[0] if reasons else None,
        "signatures": [signature for one in examined for signature in _signatures(one)],
    }


def _signatures(examined: Examined) -> t.Iterator[Result]:
    for verdict in examined.verdicts:
        yield {
            "digest": str(examined.digest),
            "format": verdict.format,
            "key": verdict.key or None,
            "subject": verdict.subject or None,
            "verified": verdict.verified,
            "reason": verdict.reason or None,
        }


def run(task: Task) -> None:
    """Run the task."""
    names = task.params["name"]
    images = [task.reference(name) for name in names]
    if not images:
        raise RegistryError("The option name is an empty list: nothing would be verified. Name the images.", "invalid_option")
    verification = parse_policy(task.params)
    connections = task.connect(*images)

    def look(image: Reference) -> list[Examined]:
        client = connections.client(image)
        return list(verification.examine(client, client.get_digest(image.identifier), every=True))

    found = fan_out(look, images, connections.concurrency)
    entries = [_entry(name, image, examined) for name, image, examined in zip(names, images, found)]
    failed = [entry for entry in entries if not entry["verified"]]
    task.result.update(images=entries, verified=not failed, unverified_names=[entry["name"] for entry in failed])
    if failed and task.params["unverified"] == "fail":
        raise _failure(failed, len(entries))


def _failure(failed: t.Sequence[Result], asked: int) -> RegistryError:
    first = failed[0]
    named = ", ".join(entry["name"] for entry in failed[:20]) + (", ..." if len(failed) > 20 else "")
    what = f"{first['name']} is not verified:" if asked == 1 else f"{len(failed)} of {asked} images are not verified: {named}."
    return RegistryError(f"{what} {first['reason']}", "unverified", reference=first["image"])
