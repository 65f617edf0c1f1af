# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verify images: what a digest's signatures prove, and images pinned to the digest that was verified."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from .._core.errors import RegistryError
from .._oci.image_source import walk
from .._oci.reference import Digest, Reference
from .._signatures.policy import Policy, Verdict
from .client import RegistryClient
from .signatures import Reading, RegistrySignatures, SignatureStore, read_signatures

_MOST_REASONS = 3
Source = t.Union[RegistryClient, SignatureStore]


@dataclass(frozen=True)
class Examined:
    """What became of the signatures of a digest; ``reason`` says why it is not verified, "" where it is."""

    digest: Digest
    verdicts: tuple[Verdict, ...]
    reason: str


@dataclass(frozen=True)
class Verification:
    """Verifies images against the policy of a task; safe for several threads."""

    policy: Policy

    def pin(self, client: RegistryClient, image: Reference) -> Reference:
        """Return ``image`` with the digest that it has at this moment, which is verified: whoever reads it by that reads what was verified.

        ``client`` is that of the image's repository. Errors: ``unverified``, ``not_found``.
        """
        digest = client.get_digest(image.identifier)
        self.check(client, str(image), digest)
        return replace(image, tag=image.tag or (None if image.digest else "latest"), digest=digest)

    def check(self, source: Source, name: str, digest: Digest) -> None:
        """Raise ``unverified`` where ``digest``, which the image ``name`` is on, is not verified."""
        for examined in self.examine(source, digest):
            if examined.reason:
                raise unverified(name, examined)

    def examine(self, source: Source, digest: Digest, every: bool = False) -> t.Iterator[Examined]:
        """Yield what the signatures of ``digest`` prove, and with ``recursive`` those of each child of an index.

        With ``every`` all signatures are looked at, else only as many as are needed.
        """
        store = RegistrySignatures(source) if isinstance(source, RegistryClient) else source
        yield self._examine(store, digest, every)
        if self.policy.recursive:
            root = store.get_manifest(str(digest))
            for child, _manifest in walk(store.image_of(root), root) if root.is_index else ():
                yield self._examine(store, child.digest, every)

    def _examine(self, store: SignatureStore, digest: Digest, every: bool) -> Examined:
        verdicts: list[Verdict] = []
        wanted, fault = self.policy.missing(()), ""
        try:
            signed = _signed_digest(store, digest)
            for reading in read_signatures(store, signed, self.policy.formats):
                verdicts.append(self._judge(reading, signed))
                wanted = self.policy.missing(verdicts)
                if not wanted and not every:
                    break
        except RegistryError as error:
            if error.kind != "unverified":
                raise
            fault = error.message
        return Examined(digest, tuple(verdicts), self._reason(store, verdicts, wanted, fault) if wanted else "")

    def _judge(self, reading: Reading, digest: Digest) -> Verdict:
        if reading.envelope is None:
            return Verdict(reading.format, False, reason=reading.reason)
        return self.policy.judge(reading.envelope, digest)

    def _reason(self, store: SignatureStore, verdicts: t.Sequence[Verdict], wanted: t.AbstractSet[str], fault: str) -> str:
        reasons = list(dict.fromkeys(verdict.reason for verdict in verdicts if verdict.reason))
        reasons = ([fault] if fault else []) + reasons
        if not verdicts and not fault:
            return f"{store.registry} has no signature of it."
        signed = any(verdict.verified for verdict in verdicts)
        more = f"Signatures are missing by: {', '.join(sorted(wanted))}. " if signed else ""
        left = f" And {len(reasons) - _MOST_REASONS} more reasons." if len(reasons) > _MOST_REASONS else ""
        return f"{more}{' '.join(reasons[:_MOST_REASONS])}{left}".strip()


def _signed_digest(store: SignatureStore, digest: Digest) -> Digest:
    """Return the digest that signatures name, SHA-256, of what has ``digest``."""
    return digest if digest.algorithm == "sha256" else Digest.of(store.get_manifest(str(digest)).raw)


def unverified(name: str, examined: Examined) -> RegistryError:
    """Return the error of an image that is not verified."""
    which = "" if name.endswith(str(examined.digest)) else f" ({examined.digest})"
    return RegistryError(f"{name}{which} is not verified: {examined.reason}", "unverified", reference=name)
