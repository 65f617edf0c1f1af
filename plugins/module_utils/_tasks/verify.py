# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task of registry_verify: verify signatures of images in registries."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._core.budget import Budget
from .._core.errors import OF_THE_HOST, RegistryError
from .._core.fanout import fan_out
from .._core.scrub import some
from .._oci.reference import Digest, Reference
from .options import ArgumentSpec
from .task import Result, Task
from .verify_option import POLICY, parse_policy

if t.TYPE_CHECKING:
    from .._registry.client import RegistryClient
    from .._registry.verification import Examined, Verification

OPTIONS: ArgumentSpec = {
    "name": {"type": "list", "elements": "str", "required": True, "aliases": ["image", "names"]},
    **POLICY,
    "unverified": {"type": "str", "choices": ["fail", "report"], "default": "fail"},
}


@dataclass
class _Looked:
    """What was found of an image: ``signatures`` as the result tells them; ``error`` is why not all of it could be read."""

    digest: Digest | None = None
    reasons: list[str] = field(default_factory=list)
    signatures: list[Result] = field(default_factory=list)
    error: RegistryError | None = None

    def add(self, examined: Examined, budget: Budget) -> None:
        """Keep what was found of one digest: an index may have thousands, with a hundred signatures each."""
        told = list(_signatures(examined))
        reason = examined.reason if examined.digest == self.digest else f"{examined.digest}: {examined.reason}"
        budget.hold_result([*told, reason], f"The result for the signatures of {self.digest}")
        self.signatures += told
        self.reasons += [reason] if examined.reason else []


def _look(verification: Verification, client: RegistryClient, image: Reference, budget: Budget) -> _Looked:
    looked = _Looked()
    try:
        looked.digest = client.get_digest(image.identifier)
        for examined in verification.examine(client, looked.digest, every=True):
            looked.add(examined, budget)
    except RegistryError as error:
        if error.kind in OF_THE_HOST:
            raise
        looked.error = error.bare()  # the others are looked at all the same
    return looked


def _entry(name: str, image: Reference, looked: _Looked) -> Result:
    digest = str(looked.digest) if looked.digest is not None else None
    reasons = ([looked.error.message] if looked.error is not None else []) + looked.reasons
    return {
        "name": name,
        "registry": image.registry,
        "repository": image.repository,
        "tag": None if image.digest and not image.tag else image.tag or "latest",
        "digest": digest,
        "image": f"{image.name}@{digest}" if digest else None,
        "verified": not reasons,
        "reason": reasons[0] if reasons else None,
        "signatures": looked.signatures,
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

    found = fan_out(lambda image: _look(verification, connections.client(image), image, task.budget), images, connections.concurrency)
    entries = [_entry(name, image, looked) for name, image, looked in zip(names, images, found)]
    failed = [entry for entry in entries if not entry["verified"]]
    task.result.update(images=entries, verified=not failed, unverified_names=[entry["name"] for entry in failed])
    errors = [(name, looked.error) for name, looked in zip(names, found) if looked.error is not None]
    if errors:
        raise _unread(errors, len(entries))
    if failed and task.params["unverified"] == "fail":
        raise _failure(failed, len(entries))


def _unread(errors: t.Sequence[tuple[str, RegistryError]], asked: int) -> RegistryError:
    """Return the first of the ``errors``, which says of what images there are any."""
    first = errors[0][1]
    if asked > 1:
        first.message = f"{len(errors)} of {asked} images cannot be read: {some([name for name, _error in errors])}. {first.message}"
    return first


def _failure(failed: t.Sequence[Result], asked: int) -> RegistryError:
    first = failed[0]
    named = some([entry["name"] for entry in failed])
    what = f"{first['name']} is not verified:" if asked == 1 else f"{len(failed)} of {asked} images are not verified: {named}."
    return RegistryError(f"{what} {first['reason']}", "unverified", reference=first["image"])
