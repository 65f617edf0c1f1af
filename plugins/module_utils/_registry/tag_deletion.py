# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Delete a tag, and only the tag: what else is on the same digest stays, and what happened is checked afterwards."""

from __future__ import annotations

import contextlib
import re
import secrets
import typing as t
from dataclasses import dataclass, field

from .._core.errors import NotFound, RegistryError
from .._oci.manifest import Manifest
from .._oci.reference import Digest
from .api import RepositoryApi
from .deletion_refusal import no_deletion, no_tag_deletion
from .deletion_requests import UNCERTAIN, DeletionState, Find, StillThere, ask_to_delete, check_enabled, find_readable, wait_until
from .listing import is_unlisted
from .referrers import remove_referrer
from .tagging import find_digest, find_left, write_tags

_NONCE_BITS = 96
_PADDING = re.compile(rb"\n[ \t]{96}\Z")
_FEW = 5
_TAG_REFUSED = frozenset({400, 404, 405})


class TookMore(RegistryError):
    """The registry deleted more than it was asked to: nothing further must be asked of it."""


@dataclass(frozen=True)
class TagDeletion:
    """A tag that was just seen on ``manifest``, and is to be deleted.

    ``siblings`` are other tags on the same digest that must stay, as far as they are known. ``spare`` says that the manifest itself
    may go along with its last tag, since nothing needs it. ``watched`` says that the caller finds out whether other tags went along.
    """

    api: RepositoryApi
    tag: str
    manifest: Manifest
    state: DeletionState = field(default_factory=DeletionState)
    siblings: t.Sequence[str] = ()
    spare: bool = False
    watched: bool = False

    @property
    def shown(self) -> str:
        """How messages name the tag."""
        return self.api.display(self.tag)

    def run(self, method: str) -> str:
        """Delete the tag by ``tag``, ``substitute`` or ``auto``; return the method that did it, "" where somebody else has done it by a substitute."""
        if method == "tag" or (method == "auto" and self.state.by_tag):
            refusal = self._delete(self.tag)
            if refusal is None:
                with gone_by("tag"):
                    self._wait_until_gone(self.manifest.digest)
                    self._check_rest(self._lost_siblings())
                return "tag"
            if method == "tag" or refusal.status not in _TAG_REFUSED:
                raise no_tag_deletion(refusal, self.api.exchange.registry, self.shown)
            # A denial may be about this tag alone, because an index names its manifest.
            self.state.by_tag = refusal.kind == "denied"
        return self._substitute()

    def _delete(self, identifier: str) -> RegistryError | None:
        """Delete a tag or digest; return why it was not done, None where it was. Afterwards the state decides, not the answer."""
        failure = ask_to_delete(self.api, identifier, self.shown)
        if failure is None or failure.kind not in UNCERTAIN:
            return failure
        try:
            if self._find_tag() is not None:
                return failure
        except RegistryError:
            return failure
        self.state.doubtful = True
        return None

    def _find_tag(self, find: Find = find_digest) -> Digest | None:
        """Return what the tag is on now, None where it is absent."""
        try:
            return find(self.api, self.tag)
        except RegistryError as error:
            if not is_unlisted(self.api, self.tag, error):
                raise
            return None

    def _wait_until_gone(self, *ours: Digest) -> None:
        """Wait until the tag is absent for readers too; a tag on another digest than ``ours`` was set by somebody else.

        If that is a substitute, they are about to delete the tag as well.
        """

        def is_gone() -> bool:
            found = self._find_tag(find_left)
            if found is not None and found not in ours and not is_substitute(self.api, found, self.manifest.digest):
                message = (
                    f"The tag {self.shown} was deleted from {self.manifest.digest}, but somebody else moved it to {found} in the meantime."
                )
                raise RegistryError(message, "conflict", reference=self.shown)
            return found is None

        wait_until(is_gone, self.api, f"the tag {self.shown}")

    def _lost_siblings(self) -> list[str]:
        """Return the siblings where they all are gone: a registry that takes one along takes all, and so few tell whether it does.

        If only some are gone, somebody else has deleted them.
        """
        for siblings in (self.siblings[:_FEW], self.siblings):
            if any(find_readable(self.api, tag) is not None for tag in siblings):
                return []
        return list(self.siblings)

    def _check_rest(self, lost: t.Sequence[str] = ()) -> None:
        """Make sure that the manifest is there; put back what the registry took along, such as the tags ``lost``, and raise ``TookMore``.

        Where the deletion is ``watched``, the registry may have taken the manifest since no tag was left on it: that is noted.
        """
        digest = self.manifest.digest
        kept = self.spare or find_readable(self.api, str(digest)) is not None
        if kept and not lost:
            return
        if self.watched and not lost:
            self.state.collected[digest] = self.manifest
            return
        taken = [] if kept else [f"the manifest {digest}"]
        taken += [f"the tag {tag}" for tag in lost]
        message = f"When the tag {self.shown} was deleted, the registry deleted more: {', '.join(taken)}."
        try:
            if lost:
                write_tags(self.api, self.manifest, lost, 1)
            else:
                self.api.put_manifest(str(digest), self.manifest)
        except RegistryError as error:
            raise TookMore(f"{message} It could not be restored: {error.message}", "unsupported", reference=self.shown) from None
        rest = "" if self.siblings else " Set other tags on it again, if there were any."
        raise TookMore(f"{message} It was restored.{rest}", "unsupported", reference=self.shown)

    # Where tags cannot be deleted by name

    def _substitute(self) -> str:
        """Give the tag a digest of its own, the same manifest with blanks behind it, and delete that digest; "" where the tag is gone before."""
        check_replaceable(self.shown, self.manifest)
        check_enabled(self.api, self.shown, self.state)
        current = self._find_tag()
        if current is None:
            return ""
        if is_substitute(self.api, current, self.manifest.digest):
            self._leave_to_others()
            return ""
        check_unmoved(self.shown, self.manifest.digest, current)
        double = padded(self.manifest)
        deleted = False
        try:
            with self.state.writing:
                write_tags(self.api, double, [self.tag], 1)
                refusal = self._delete(str(double.digest))
            if refusal is not None:
                # Some registries that delete nothing say of everything that it is not there.
                raise no_deletion(refusal, self.api.exchange.registry) if isinstance(refusal, NotFound) else refusal
            deleted = True
            self._wait_until_gone(double.digest, self.manifest.digest)
        except RegistryError as error:
            if not self._put_back(double, error) and deleted:
                error.gone_by = "substitute"
            raise
        with gone_by("substitute"):
            self._check_rest()  # no other tag is on the digest of a substitute
        return "substitute"

    def _leave_to_others(self) -> None:
        """Wait for those who have begun to delete the tag by a substitute: they may have been killed, or have put it back."""
        try:
            self._wait_until_gone()
        except RegistryError as error:
            if error.kind != "conflict":
                raise
            message = f"Somebody else began to delete the tag {self.shown}, but it still exists: run the task again."
            raise RegistryError(message, "conflict", reference=self.shown) from None

    def _put_back(self, double: Manifest, error: RegistryError) -> bool:
        """Put the tag on its manifest again where it is still on the ``double``; tell in ``error`` how it ended, and whether it is there."""
        try:
            current = self._find_tag()
            if current == self.manifest.digest:
                error.message += " The tag was not changed."
                return True
            if current == double.digest or (current is not None and error.kind == "digest_mismatch"):
                with self.state.writing:
                    write_tags(self.api, self.manifest, [self.tag], 1)
                error.message += " The tag was restored."
                return True
        except RegistryError:
            error.message += (
                f" The tag may point to {double.digest} now, the same image with trailing spaces in its manifest: run the task again."
            )
        return False


@contextlib.contextmanager
def gone_by(method: str) -> t.Iterator[None]:
    """Note in errors of what comes after a deletion by ``method`` that it was done all the same."""
    try:
        yield
    except RegistryError as error:
        error.gone_by = "" if isinstance(error, StillThere) else method
        raise


def check_replaceable(shown: str, manifest: Manifest) -> None:
    """Raise ``unsupported`` for a manifest with a subject: a double of it would be one more referrer."""
    if manifest.subject is not None:
        raise RegistryError(
            f"The tag {shown} cannot be deleted with method substitute: its manifest has a subject, and a copy would become another "
            "referrer. Nothing was changed. The method digest deletes the manifest with all its tags.",
            "unsupported",
            reference=shown,
        )


def check_unmoved(shown: str, planned: Digest, current: Digest) -> None:
    """Raise ``conflict`` where somebody moved the tag since it was looked at."""
    if current != planned:
        message = f"The tag {shown} was moved from {planned} to {current} by somebody else in the meantime: it was not deleted."
        raise RegistryError(message, "conflict", reference=shown)


def is_substitute(api: RepositoryApi, digest: Digest, original: Digest) -> bool:
    """Tell whether ``digest`` is that of a substitute for ``original``: somebody else is deleting a tag that is on it."""
    if digest == original:
        return False
    try:
        manifest = api.get_manifest(str(digest))
    except NotFound:
        return True  # it was, until this moment: the next look tells more
    found = unpadded(manifest)
    return found is not manifest and found.has_digest(original)


def unpadded(manifest: Manifest) -> Manifest:
    """Return the manifest without the blanks that a deletion cut short has left behind it."""
    raw = manifest.raw
    while _PADDING.search(raw):
        raw = raw[: -_NONCE_BITS - 1]
    return manifest if raw == manifest.raw else Manifest.parse(raw, manifest.media_type)


def padded(manifest: Manifest) -> Manifest:
    """Return the same manifest with blanks behind it that nobody has used before."""
    nonce = secrets.randbits(_NONCE_BITS)
    blanks = "".join(" \t"[nonce >> bit & 1] for bit in range(_NONCE_BITS))
    return Manifest.parse(unpadded(manifest).raw + f"\n{blanks}".encode("ascii"), manifest.media_type)


def delete_tag(api: RepositoryApi, tag: str, manifest: Manifest, method: str) -> str:
    """Delete ``tag``, which is on ``manifest``, and return the method that did it."""
    return TagDeletion(api, tag, manifest).run(method)


OnDeleted = t.Callable[[Manifest], None]


def delete_digest(
    api: RepositoryApi, manifest: Manifest, state: DeletionState | None = None, on_deleted: OnDeleted = lambda manifest: None
) -> None:
    """Delete a manifest and every tag on it, and its entry in the list of referrers that a tag stands in for.

    ``on_deleted`` is called before anything else is deleted.
    """
    state = state or DeletionState()
    if manifest.subject is None:
        _delete_manifest(api, manifest, state, state.writing, on_deleted)
        return
    # It leaves the list before the next one goes: a list that names what is not there is refused.
    with state.writing:
        _delete_manifest(api, manifest, state, contextlib.nullcontext(), on_deleted)
        with gone_by("digest"):
            remove_referrer(api, manifest)


def _delete_manifest(
    api: RepositoryApi, manifest: Manifest, state: DeletionState, lock: t.ContextManager[t.Any], on_deleted: OnDeleted
) -> None:
    name = str(manifest.digest)
    shown = api.display(name)
    with lock:
        failure = ask_to_delete(api, name, shown)
        if failure is not None:
            if failure.kind not in UNCERTAIN or (not isinstance(failure, NotFound) and find_readable(api, name) is not None):
                raise no_deletion(failure, api.exchange.registry)
            state.doubtful = True
        with gone_by("digest"):
            on_deleted(manifest)
    with gone_by("digest"):
        wait_until(lambda: find_readable(api, name, find_left) is None, api, shown)
