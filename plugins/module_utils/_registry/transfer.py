# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One engine for push and copy: plan with reads only, then write blobs, children, the root and its tags, in this order."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._core.errors import RegistryError
from .._core.fanout import Cancellation, fan_out
from .._core.progress import BlobProgress
from .._oci.image_source import ImageSource, drain, find_unread, unread_error, walk
from .._oci.manifest import Descriptor, Manifest
from .._oci.reference import Digest, is_digest
from .api import RepositoryApi
from .blob_upload import SMALL, BlobUpload
from .capabilities import Capabilities
from .tagging import TagMap, align, apply_policy, check_since, find_present, find_states, write_tags
from .transfer_options import TransferOptions
from .upload_session import UploadSession

if t.TYPE_CHECKING:
    from .shared_tag import SharedTag

_LACKS_BLOB = frozenset({"MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN", "DIGEST_INVALID", "MANIFEST_INVALID"})


class PushPlan(t.NamedTuple):
    """What is where, found by reads: ``before`` and ``after`` of each tag, and which manifests are missing.

    ``children`` are in the order of writing; a tag that is kept is in ``before`` but keeps its digest in ``after``.
    """

    root: Manifest
    before: TagMap
    after: TagMap
    root_present: bool = True
    children: tuple[tuple[Descriptor, Manifest], ...] = ()
    present: frozenset[Digest] = frozenset()
    existing: str = "overwrite"

    @property
    def writes(self) -> list[str]:
        """The tags (or the digest) to be written, in order."""
        return [tag for tag in self.after if self.before[tag] != self.after[tag]]

    @property
    def unchanged(self) -> list[str]:
        """The tags that are on the digest already."""
        return [tag for tag, digest in self.before.items() if digest == self.root.digest]

    @property
    def is_there(self) -> bool:
        """Whether the image is in the repository when the plan is carried out: not where every tag is kept on another one."""
        return bool(self.writes or self.unchanged)

    @property
    def unwritten(self) -> list[tuple[Descriptor, Manifest]]:
        """The children to be written, each before what names it.

        One with a subject is among them, as such a root is, though it is there: an earlier run may have been cut off before it was listed.
        """
        return [(child, manifest) for child, manifest in self.children if manifest.subject is not None or child.digest not in self.present]

    def done(self, written: t.Container[str]) -> tuple[TagMap, TagMap]:
        """Return before and after of what of the plan was ``written``: tags, and new referrers, which are that whatever became of the tags."""
        before, after = ({key: states[key] for key in self.writes if key in written} for states in (self.before, self.after))
        known = {*self.present, *([self.root.digest] if self.root_present else [])}
        for manifest in self.manifests():
            if manifest.subject is not None and manifest.digest not in known and str(manifest.digest) in written:
                before[str(manifest.digest)], after[str(manifest.digest)] = None, manifest.digest
        return before, after

    def manifests(self) -> list[Manifest]:
        """Return every manifest of the image, the root last."""
        return [manifest for _child, manifest in self.children] + [self.root]

    def blobs(self, every: bool = False) -> list[Descriptor]:
        """Return the blobs of all missing manifests (or of ``every`` one), each once; foreign layers are left out."""
        wanted = self.manifests() if every else self._missing_manifests()
        found = {blob.digest: blob for manifest in wanted for blob in manifest.blobs if not blob.is_foreign}
        return list(found.values())

    def _missing_manifests(self) -> list[Manifest]:
        missing = [manifest for child, manifest in self.children if child.digest not in self.present]
        return missing if self.root_present else [*missing, self.root]

    def foreign(self) -> list[Descriptor]:
        """Return the layers that may not be distributed."""
        found = {blob.digest: blob for manifest in self.manifests() for blob in manifest.blobs if blob.is_foreign}
        return list(found.values())


@dataclass
class Transferred:
    """What an execution (or its prediction) sent, mounted and found, and the tags for referrers that it ``shared`` with others."""

    uploaded: list[Descriptor] = field(default_factory=list)
    mounted: list[Descriptor] = field(default_factory=list)
    existing: list[Descriptor] = field(default_factory=list)
    shared: list[SharedTag] = field(default_factory=list)

    def add(self, how: str, descriptor: Descriptor) -> None:
        """Remember how a blob came to be where it is."""
        {"uploaded": self.uploaded, "mounted": self.mounted, "existing": self.existing}[how].append(descriptor)


def plan_push(
    api: RepositoryApi,
    source: ImageSource,
    identifiers: t.Sequence[str],
    existing: str,
    options: TransferOptions,
    before: TagMap | None = None,
) -> PushPlan:
    """Return what has to be written so that ``identifiers`` (tags, or the root's own digest) are the source's root.

    ``before`` is what some of them are on, as far as that is known.
    """
    root, seen = source.root, before or {}
    found = find_states(api, [name for name in identifiers if name not in seen], options.workers, existing)
    before = align({name: seen[name] if name in seen else found[name] for name in identifiers}, root)
    after = apply_policy(before, root.digest, existing, api.name)
    if all(before[tag] == after[tag] for tag in before):
        return PushPlan(root, before, after, True, tuple(walk(source, root)), frozenset(), existing)
    known = any(digest == root.digest for digest in before.values())
    children = tuple(walk(source, root))
    doubtful = [] if known or is_digest(identifiers[0]) else [root.digest]
    unread = find_unread([root, *(manifest for _child, manifest in children)])
    listed = [*(child for child, _manifest in children), *unread]
    present = find_present(api, [*doubtful, *(child.digest for child in listed)], options.workers)
    for child in unread:
        if child.digest not in present:
            raise unread_error(child, f" that {api.name} does not have")
    return PushPlan(root, before, after, known or root.digest in present, children, present - {root.digest}, existing)


def predict(
    api: RepositoryApi, plan: PushPlan, options: TransferOptions, check: t.Callable[[Descriptor], None] = lambda blob: None
) -> Transferred:
    """Return what executing ``plan`` would send, found by HEAD: a missing blob counts as sent, it may be mounted instead.

    Each of those is handed to ``check``, which raises what sending it would raise.
    """
    result = Transferred()
    wanted = {blob.digest for blob in plan.blobs()} if plan.writes else set()
    every = plan.blobs(every=True) if plan.is_there else []

    def is_there(blob: Descriptor) -> bool:
        if blob.digest not in wanted or api.has_blob(blob):
            return True
        check(blob)
        return False

    there = fan_out(is_there, every, options.workers)
    for blob, exists in zip(every, there):
        result.add("existing" if exists else "uploaded", blob)
    return result


class Execution:
    """Carries out a plan against one repository."""

    def __init__(self, api: RepositoryApi, source: ImageSource, capabilities: Capabilities, options: TransferOptions) -> None:
        self._api = api
        self._source = source
        self._capabilities = capabilities
        self._options = options
        self._written: set[str] = set()
        self._shared: list[SharedTag] = []

    def run(self, plan: PushPlan, written: set[str] | None = None) -> Transferred:
        """Write what the plan says; a tag is written, and then added to ``written``, only when all that it needs is there."""
        self._written = set() if written is None else written
        result = Transferred()
        if not plan.writes:
            for blob in plan.blobs(every=True) if plan.is_there else ():
                result.add("existing", blob)
                self._options.progress.exists(blob.size)
            return result
        blobs = plan.blobs()
        self._announce(plan, blobs)
        try:
            self._write(plan, blobs, result)
        except RegistryError as error:
            # A manifest that was there is no proof of its blobs; they may have been deleted under it. A registry may also not find at once what it
            # has just taken: one on files reads an empty link while another client mounts the same blob, and calls that an invalid digest. Pulp loses
            # sight of a blob that another client's image has brought to the repository this moment, and calls the manifest invalid.
            skipped = plan.root_present or plan.present or result.existing
            taken = result.uploaded or result.mounted  # then it is the manifest that was refused
            if error.status not in (400, 404) or not (skipped or (taken and error.code in _LACKS_BLOB)):
                raise
            result = Transferred()
            whole = plan._replace(root_present=False, present=frozenset())
            self._write(whole, whole.blobs(), result, trust_mounts=False)
        done = {blob.digest for blob in result.uploaded + result.mounted + result.existing}
        for blob in plan.blobs(every=True):
            if blob.digest not in done:
                result.add("existing", blob)
        result.shared += self._shared
        return result

    def _announce(self, plan: PushPlan, blobs: t.Sequence[Descriptor]) -> None:
        """Tell the progress what there is to do, and what is there already."""
        every = sum(blob.size for blob in plan.blobs(every=True))
        missing = sum(blob.size for blob in blobs)
        self._options.progress.exists(every - missing)
        self._options.progress.expect(missing)

    def _write(self, plan: PushPlan, blobs: t.Sequence[Descriptor], result: Transferred, trust_mounts: bool = True) -> None:
        cancellation = Cancellation(self._options.cancellation)

        def upload(blob: Descriptor) -> str:
            return self._upload(blob, cancellation, trust_mounts)

        # The largest first: what comes last is done by one thread, while the others have nothing left to do.
        ordered = sorted(blobs, key=lambda blob: -blob.size)
        brought = dict(zip((blob.digest for blob in ordered), fan_out(upload, ordered, self._options.workers, cancellation)))
        for blob in blobs:
            result.add(brought[blob.digest], blob)
        for level in _levels(plan.unwritten):
            fan_out(self._store, level, self._options.workers)
        self._write_root(plan)

    def _upload(self, blob: Descriptor, cancellation: Cancellation, trust_mounts: bool) -> str:
        own, locations = self._api.repository, self._capabilities.locations
        progress = self._options.progress.blob(str(blob.digest), blob.size)
        with locations.visit(blob.digest, own) as home:
            if home == own and trust_mounts:
                progress.end("existing")
                return "existing"
            with self._options.slots:
                how = self._bring(blob, cancellation, home if trust_mounts else None, trust_mounts, progress)
            locations.settle(blob.digest, own)
        progress.end(how)
        self._options.on_log(f"{blob.digest} ({blob.size} bytes): {how}")
        return how

    def _bring(self, blob: Descriptor, cancellation: Cancellation, home: str | None, trust_mounts: bool, progress: BlobProgress) -> str:
        own = self._api.repository
        mount_from = (home, own) if home and not self._capabilities.ignores_mount else self._options.mount_from or (own,)
        session = UploadSession(
            self._api,
            blob,
            self._source.open_blob,
            self._capabilities,
            cancellation,
            self._options.retries,
            self._options.chunk_size,
            progress.reach,
        )
        if not trust_mounts:
            mount_from = tuple(repository for repository in mount_from if repository != own)
            if self._api.has_blob(blob):
                return "existing"
        return BlobUpload(session).run(mount_from, self._check if self._source.is_local and blob.size < SMALL else None)

    def _check(self, blob: Descriptor) -> None:
        """Read a small local blob to its end: a corrupt one is found before its first byte is sent.

        A large one is read once, while it is sent: its last block is given to nobody before the digest was found right.
        """
        drain(self._source.open_blob(blob))

    def _write_root(self, plan: PushPlan) -> None:
        self._options.before_root()
        tags = plan.writes
        check_since(self._api, plan.root, tags, self._options.workers, plan.existing)
        if plan.root.subject is not None:
            # Also where it is there already: an earlier run may have been cut off before the list of referrers knew it.
            self._store(plan.root)
            tags = [tag for tag in tags if tag != str(plan.root.digest)]
        write_tags(self._api, plan.root, tags, self._options.workers, self._written)

    def _store(self, manifest: Manifest) -> None:
        """Put a manifest by its digest, and where it has a subject see to it that the list of referrers names it."""
        stored = self._api.put_manifest(str(manifest.digest), manifest)
        self._written.add(str(manifest.digest))
        if manifest.subject is not None and not stored.knows_subject:
            from .referrers import add_referrer

            with self._capabilities.listing:
                self._shared.append(add_referrer(self._api, manifest, manifest.subject.digest))


def _levels(unwritten: t.Sequence[tuple[Descriptor, Manifest]]) -> list[list[Manifest]]:
    """Group manifests so that each group needs only those before it."""
    pending = {child.digest: manifest for child, manifest in unwritten}
    levels: list[list[Manifest]] = []
    while pending:
        ready = [manifest for manifest in pending.values() if not any(child.digest in pending for child in manifest.children)]
        levels.append(ready)
        for manifest in ready:
            del pending[manifest.digest]
    return levels
