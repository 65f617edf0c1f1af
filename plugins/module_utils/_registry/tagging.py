# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The states of tags: what they are on, what they shall be on, and how they come to be."""

from __future__ import annotations

import typing as t

from .._core.errors import NotFound, RegistryError
from .._core.fanout import fan_out
from .._http.token_server import TokenRefused
from .._oci.manifest import Manifest
from .._oci.reference import Digest, is_digest
from .api import RepositoryApi

TagMap = dict[str, t.Optional[Digest]]
_FROZEN = frozenset({400, 409, 412})  # how registries refuse to change a tag that is there


def find_digest(api: RepositoryApi, identifier: str, surely: bool = True) -> Digest | None:
    """Return the digest of a tag or manifest, None where the registry says that it is not there.

    With ``surely`` it must say so to a GET, unless a HEAD has found something before: some registries answer 404 to every HEAD.
    """
    try:
        head = api.head_manifest(identifier)
    except NotFound:
        if api.exchange.answers_head or not surely:
            return None
        head = None
    if head is not None and is_digest(identifier):
        return Digest.parse(identifier)
    if head is not None and head.digest is not None:
        return head.digest
    return _read_digest(api, identifier)


def _read_digest(api: RepositoryApi, identifier: str) -> Digest | None:
    try:
        return api.get_manifest(identifier).digest
    except NotFound:
        return None


def find_left(api: RepositoryApi, identifier: str) -> Digest | None:
    """Return the digest of what the registry said that it deleted, None once it is absent: by GET, until a HEAD has found something here."""
    return find_digest(api, identifier, surely=False) if api.exchange.answers_head else _read_digest(api, identifier)


def hides(error: RegistryError) -> bool:
    """Tell whether a failed look at a tag may mean that it is absent: some registries answer 403 then, even to those who may push."""
    return error.kind == "denied" and error.status == 403 and not isinstance(error, TokenRefused)


def find_states(api: RepositoryApi, identifiers: t.Sequence[str], workers: int, existing: str) -> TagMap:
    """Return the digest of each tag as far as a write with the policy ``existing`` has to know it: None also where it may not be told."""
    overwrites = existing == "overwrite"  # then nothing is lost where what is there is missed, but for a request

    def find(identifier: str) -> Digest | None:
        try:
            return find_digest(api, identifier, surely=not overwrites and not is_digest(identifier))
        except RegistryError as error:
            if not hides(error):
                raise
            if overwrites or is_digest(identifier):
                return None
            error.message += f" With existing: {existing} the task must know whether the tag exists."
            raise

    return dict(zip(identifiers, fan_out(find, identifiers, workers)))


def find_present(api: RepositoryApi, digests: t.Sequence[Digest], workers: int) -> frozenset[Digest]:
    """Return those of the manifests with ``digests`` that are there, as far as that may be told."""
    found = find_states(api, [str(digest) for digest in digests], workers, "overwrite")
    return frozenset(digest for digest in digests if found[str(digest)] is not None)


def align(states: TagMap, manifest: Manifest) -> TagMap:
    """Return ``states`` with the digest of ``manifest`` where a tag is on its bytes: the registry may name them by another algorithm."""
    return {tag: manifest.digest if digest and manifest.has_digest(digest) else digest for tag, digest in states.items()}


def apply_policy(before: TagMap, digest: Digest, existing: str, name: str) -> TagMap:
    """Return what each tag shall be on: ``overwrite`` moves, ``keep`` leaves, ``fail`` refuses tags on other digests."""
    taken = [tag for tag, current in before.items() if current not in (None, digest)]
    if existing == "fail" and taken:
        raise RegistryError(
            f"The tag {taken[0]} of {name} already points to {before[taken[0]]}, not to {digest}: nothing was changed, since existing: fail is set.",
            "conflict",
            reference=f"{name}:{taken[0]}",
        )
    return {tag: before[tag] if existing == "keep" and tag in taken else digest for tag in before}


def check_since(api: RepositoryApi, manifest: Manifest, tags: t.Sequence[str], workers: int, existing: str) -> None:
    """Look again at ``tags``, which were absent before a transfer: with another policy than overwrite, what somebody has set since must stay."""
    if existing == "overwrite":
        return
    now = align(find_states(api, [tag for tag in tags if not is_digest(tag)], workers, existing), manifest)
    for tag, digest in now.items():
        if digest not in (None, manifest.digest):
            raise RegistryError(
                f"The tag {tag} of {api.name} was moved to {digest} by somebody else in the meantime: it was not changed, since "
                f"existing: {existing} is set.",
                "conflict",
                reference=api.display(tag),
            )


def write_tags(api: RepositoryApi, manifest: Manifest, tags: t.Sequence[str], workers: int, written: set[str] | None = None) -> None:
    """Put ``manifest`` under each tag, the first alone, and hold what the registry confirms against its digest.

    Those that it was put under are added to ``written``.
    """
    done: set[str] = set() if written is None else written

    def write(tag: str) -> None:
        try:
            confirmed = _put_tag(api, manifest, tag)
        except RegistryError as error:
            if error.kind == "digest_mismatch":
                done.add(tag)  # what was stored is not what was sent, but stored it was
            raise
        done.add(tag)
        if confirmed is None or (confirmed.algorithm == manifest.digest.algorithm and confirmed != manifest.digest):
            raise RegistryError(
                f"The tag {tag} of {api.name} points to {confirmed or 'nothing'} after it was moved to {manifest.digest}: somebody "
                "else may have moved it at the same time.",
                "conflict",
                reference=api.display(tag),
            )

    for tag in tags[:1]:
        write(tag)
    fan_out(write, tags[1:], workers)


def _put_tag(api: RepositoryApi, manifest: Manifest, tag: str) -> Digest | None:
    """Put ``manifest`` under ``tag`` and return what the tag is on.

    After a lost answer the second attempt may be refused for what the first has done, where tags cannot be changed.
    """
    try:
        return api.put_manifest(tag, manifest).digest or find_digest(api, tag)
    except RegistryError as error:
        if error.status not in _FROZEN or not _is_on(api, manifest, tag):
            raise
        return manifest.digest


def _is_on(api: RepositoryApi, manifest: Manifest, tag: str) -> bool:
    try:
        found = find_digest(api, tag)
    except RegistryError:
        return False
    return found is not None and manifest.has_digest(found)
