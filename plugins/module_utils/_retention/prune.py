# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prune a repository as planned: delete, watch what others do meanwhile, and look at the state in the end."""

from __future__ import annotations

import contextlib
import typing as t

from .._core.errors import OF_THE_HOST, NotFound, RegistryError
from .._core.scrub import some
from .._oci.digest_tags import owner_key
from .._oci.reference import Digest, is_digest
from .._registry.client import RegistryClient
from .._registry.deletion_requests import DeletionState
from .._registry.tag_deletion import check_unmoved
from .deletion_batch import DeletionBatch, Probe, delete_planned, delete_with_tags
from .dependencies import below
from .ghosts import check_unlisted, list_all, repair_ghost
from .prune_plan import Entry, PrunePlan
from .prune_watch import LostTag, Watch

Result = dict[str, t.Any]


class Pruning:
    """Carries out a plan, and knows at any moment what was done of it; ``probe`` looks at the first deletion, see ``DeletionBatch``."""

    def __init__(self, client: RegistryClient, plan: PrunePlan, method: str, probe: Probe = lambda name: lambda: None) -> None:
        self._client = client
        self._plan = plan
        self._method = "auto" if method == "digest" else method
        self._state = DeletionState()
        tagged = {entry.tag: entry.descriptor for entry in plan.entries if entry.descriptor}
        self._doomed = {entry.tag: tagged[entry.tag].digest for entry in plan.doomed if entry.tag in tagged}
        self._ghosts = [entry.tag for entry in plan.doomed if entry.tag not in tagged]
        self._sizes = {str(descriptor.digest): descriptor.size for descriptor in tagged.values()}
        self._staying = _by_digest({entry.tag: tagged[entry.tag].digest for entry in plan.entries if entry.keep})
        self._going = _by_digest(self._doomed)
        self._watch = Watch(client, {tag: descriptor.digest for tag, descriptor in tagged.items()}, self._doomed, plan.manifests)
        self._deletions = DeletionBatch(client, probe)

    def run(self) -> None:
        """Delete what the plan says; what belongs to an image by its name goes after it. Afterwards the state decides, not the answers."""
        try:
            self._run_waves()
        except RegistryError as error:
            self._note(error)
            if error.kind not in OF_THE_HOST:
                with contextlib.suppress(RegistryError):
                    self._settle()
            raise
        else:
            self._settle()
        finally:
            self._warn_of_others()

    def _warn_of_others(self) -> None:
        tags = self._watch.deleted_by_others
        if tags:
            self._client.connection.exchange.warn(
                f"While digests of {self._client.registry} were deleted, somebody else deleted kept tags together with their digests: {some(tags)}."
            )

    def _run_waves(self) -> None:
        waves: tuple[list[str], ...] = ([], [], [], [])
        # An index before those that it names: some registries delete nothing that an index names.
        for entry in sorted(self._plan.doomed, key=lambda entry: -self._count_below(entry)):
            waves[self._wave(entry)].append(str(self._plan.deleted_by_digest(entry) or entry.tag))
        self._client.progress.begin("deletions", sum(map(len, waves)))
        for wave in waves:
            names = list(dict.fromkeys(wave))
            # Tags may go several at a time, but not beside a digest: see DeletionState.
            self._deletions.run([name for name in names if not is_digest(name)], self._delete)
            for batch in self._watch.batches([name for name in names if is_digest(name)], self._sizes):
                self._deletions.run(batch, self._delete)
            self._deletions.raise_failures(sum(map(len, waves)))

    def _count_below(self, entry: Entry) -> int:
        return len(below(self._plan.manifests, entry.descriptor.digest)) if entry.descriptor else 0

    def _wave(self, entry: Entry) -> int:
        """Return when a tag goes: what shares its digest with a kept tag shows whether this registry takes more than it is asked to."""
        if owner_key(entry.tag):
            return 3
        if entry.descriptor and entry.descriptor.digest in self._staying:
            return 0
        return 1 if entry.descriptor and entry.descriptor.is_index else 2

    def _delete(self, name: str) -> str:
        if is_digest(name):
            return self._delete_digest(Digest.parse(name))
        if name in self._ghosts:
            return repair_ghost(self._client, name, self._state)
        return self._delete_tag(name)

    def _delete_tag(self, tag: str) -> str:
        digest = self._doomed[tag]
        is_spare = not self._plan.kept.has(digest)  # nothing that stays needs the manifest
        return delete_planned(self._client, tag, digest, self._method, self._state, None, self._staying.get(digest, ()), is_spare)

    def _delete_digest(self, digest: Digest) -> str:
        client, tags = self._client, self._going[digest]
        shown = f"{client.registry}@{digest}"
        if digest in self._watch.needed:
            tag = self._watch.needed[digest]
            message = f"{shown} has a new tag since the plan was made, or an index that needs it ({tag}): it was not deleted."
            raise RegistryError(message, "conflict", reference=shown)
        moved = [tag for tag in tags if tag in self._watch.moved and not owner_key(tag)]
        if moved:
            check_unmoved(client.api.display(moved[0]), digest, self._watch.moved[moved[0]])
        for tag in tags:
            self._delete_emptied(tag, digest)
        return delete_with_tags(client, digest, tags, self._state, self._watch.see_deleted)

    def _settle(self) -> None:
        """See what the tags are on after all: put back what was lost, delete again what is there, and repair ghosts."""
        gone = self.gone()
        if not gone:
            return
        if any(map(is_digest, self._deletions.done)):
            try:
                self._watch.look()
            except RegistryError as error:
                self._note(error)
                raise
        listed = list_all(self._client)
        left = [tag for tag in self._doomed if tag in gone and tag in listed]
        states = dict(zip(left, self._client.fan_out(self._client.find_digest, left)))
        again = [tag for tag in left if states[tag] == self._doomed[tag]]
        self._deletions.run(again, self._delete_tag)
        ghosts = [tag for tag in left if states[tag] is None]
        self._deletions.run(ghosts, lambda tag: repair_ghost(self._client, tag, self._state))
        check_unlisted(self._client, [*ghosts, *(tag for tag in self._ghosts if tag in gone)])
        self._deletions.raise_failures(len(self._plan.doomed))

    def _note(self, error: RegistryError) -> None:
        if isinstance(error, LostTag) and error not in self._deletions.failures.values():
            self._deletions.fail(error.tag, error)

    def _delete_emptied(self, tag: str, planned: Digest) -> None:
        """Delete ``tag`` where it is a list of referrers that is on another digest now, since those in it were deleted before."""
        if owner_key(tag) != tag:
            return
        try:
            manifest, before = self._client.get_manifest(tag), self._client.get_manifest(str(planned))
        except NotFound:
            return
        if manifest.digest != planned and manifest.is_index and set(manifest.children) <= set(before.children):
            delete_planned(self._client, tag, manifest.digest, self._method, self._state, manifest, spare=True)

    def gone(self) -> set[str]:
        """Return the tags that went by what was done here, and not by others."""
        done = self._deletions.done
        return {tag for tag in self._names() if done.get(tag) or done.get(str(self._doomed.get(tag)))}

    def _names(self) -> list[str]:
        return [entry.tag for entry in self._plan.doomed]

    def result(self) -> Result:
        """Return the results as far as things were done, those that others have deleted meanwhile among them."""
        done = self._deletions.done
        return {
            **self._plan.result(),
            "deleted": [tag for tag in self._names() if tag in done or str(self._doomed.get(tag)) in done],
            "failed_tags": self._deletions.failed(),
        }


def _by_digest(tags: t.Mapping[str, Digest]) -> dict[Digest, list[str]]:
    found: dict[Digest, list[str]] = {}
    for tag, digest in tags.items():
        found.setdefault(digest, []).append(tag)
    return found
