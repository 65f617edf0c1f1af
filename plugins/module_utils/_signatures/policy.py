# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task takes for proof: whose signatures, in which formats, of how many of the signers, and saying what."""

from __future__ import annotations

import datetime
import typing as t
from dataclasses import dataclass, field

from .._core.errors import RegistryError
from .._core.patterns import NamePattern, compile_patterns
from .._core.scrub import quoted
from .._oci.reference import Digest, Reference
from . import crypto
from .bundle import read_bundle_claims
from .certificates import Certificate, check_chain, is_fulcio, parse_chain, parse_pem
from .envelopes import BUNDLE, COSIGN, JWS, NOTATION, SIMPLE, Claim, Envelope
from .keys import PublicKey
from .notation import read_notation_claims
from .simple_signing import read_simple_claims

FORMATS = (COSIGN, NOTATION)
_UNSET = " (an unset variable?)"


@dataclass(frozen=True)
class Identity:
    """Whom a certificate has to be for: the exact text of its subject or of a name in its SAN, or a pattern for the whole of it."""

    text: str
    pattern: NamePattern | None = field(default=None, compare=False)

    @classmethod
    def parse(cls, text: t.Any, option: str) -> Identity:
        """Return the identity in ``text``: one from ``^`` to ``$`` is a regular expression."""
        if not isinstance(text, str) or not text:
            raise RegistryError(f"The option {option} contains {quoted(text, 200)}: give strings that are not empty.", "invalid_option")
        if not (text.startswith("^") and text.endswith("$")):
            return cls(text)
        compile_patterns(text, option)
        return cls(text, NamePattern(rf"\A(?:{text})\Z", option))

    def fits(self, certificate: Certificate) -> bool:
        """Tell whether the certificate is for this identity."""
        stated = (certificate.subject, *certificate.names)
        return self.text in stated if self.pattern is None else any(self.pattern.search(name) for name in stated)


@dataclass(frozen=True)
class Verdict:
    """What became of one signature: whose it is, as far as that was found, and why it proves nothing where it does not."""

    format: str
    verified: bool
    key: str = ""
    subject: str = ""
    reason: str = ""
    signers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Policy:
    """What has to be proven before an image is used."""

    keys: tuple[PublicKey, ...]
    authorities: tuple[Certificate, ...] = ()
    identities: tuple[Identity, ...] = ()
    formats: frozenset[str] = frozenset(FORMATS)
    every_signer: bool = False
    annotations: t.Mapping[str, str] = field(default_factory=dict)
    repository: str = ""
    recursive: bool = False

    @classmethod
    def parse(cls, options: t.Mapping[str, t.Any], prefix: str = "") -> Policy:
        """Return the policy that ``options`` say, keys and authorities as PEM; ``prefix`` is what stands before their names in errors."""
        crypto.require_cryptography()
        names = {
            name: f"{prefix}{name}" for name in ("keys", "certificate_authorities", "identities", "formats", "annotations", "identity")
        }
        keys = tuple(_parse_keys(options.get("keys") or (), names["keys"]))
        option = names["certificate_authorities"]
        pems = enumerate(options.get("certificate_authorities") or (), 1)
        authorities = tuple(one for number, pem in pems for one in parse_pem(pem, f"Entry {number} of the option {option}"))
        identities = tuple(Identity.parse(text, names["identities"]) for text in _listed(options.get("identities")))
        formats = frozenset(options.get("formats") or FORMATS)
        _check_signers(keys, authorities, identities, formats, names)
        annotations = check_annotations(options.get("annotations"), names["annotations"])
        repository = _parse_repository(options.get("identity"), names["identity"])
        every, recursive = options.get("require") == "all", bool(options.get("recursive"))
        return cls(keys, authorities, identities, formats, every, annotations, repository, recursive)

    @property
    def signers(self) -> frozenset[str]:
        """All whose signatures count."""
        return frozenset([*(key.fingerprint for key in self.keys), *(identity.text for identity in self.identities)])

    def missing(self, verdicts: t.Iterable[Verdict]) -> frozenset[str]:
        """Return whose signatures are still wanted after these: all of them have to sign, or any one."""
        signed = frozenset(signer for verdict in verdicts if verdict.verified for signer in verdict.signers)
        if self.every_signer:
            return self.signers - signed
        return frozenset() if signed else self.signers

    def judge(self, envelope: Envelope, digest: Digest) -> Verdict:
        """Return what the signature proves of ``digest``: its signer is looked for first, and only then is its text read."""
        key = subject = ""
        try:
            signers, key, subject = self._find_signer(envelope)
            self._check_claim(envelope, digest)
        except RegistryError as error:
            return Verdict(envelope.format, False, key, subject, error.message)
        return Verdict(envelope.format, True, key, subject, "", signers)

    def _find_signer(self, envelope: Envelope) -> tuple[frozenset[str], str, str]:
        """Return the signer, and its key or subject; raises ``unverified``."""
        for key in self.keys if envelope.format == COSIGN else ():
            if key.has_signed(envelope.signature, envelope.text):
                return frozenset([key.fingerprint]), key.fingerprint, ""
        if not envelope.chain:
            raise crypto.unproven(_no_key(self.keys, envelope))
        chain = parse_chain(envelope.chain)
        if not self.authorities:
            reason = (
                "keyless signatures (Fulcio, Rekor) are not supported"
                if is_fulcio(chain[0])
                else "the task sets no certificate_authorities"
            )
            raise crypto.unproven(f"The signature was made with the certificate of {chain[0].shown}, and {reason}.")
        check_chain(chain, self.authorities)
        if not chain[0].key.has_signed(envelope.signature, envelope.text, envelope.scheme):
            raise crypto.unproven(f"The signature is not by the key in the certificate of {chain[0].shown}.")
        fitting = frozenset(identity.text for identity in self.identities if identity.fits(chain[0]))
        if not fitting:
            raise crypto.unproven(f"The certificate of {chain[0].shown} matches none of the identities.")
        return fitting, "", chain[0].shown

    def _check_claim(self, envelope: Envelope, digest: Digest) -> None:
        if envelope.expires is not None and envelope.expires <= datetime.datetime.now(datetime.timezone.utc):
            raise crypto.unproven(f"The signature expired on {envelope.expires:%Y-%m-%d}.")
        claims = _CLAIMS[envelope.form](envelope.payload)
        of_image = [claim for claim in claims if claim.digest == str(digest)]
        if not of_image:
            named = quoted(claims[0].digest, 150) if claims else "nothing"
            raise crypto.unproven(f"The signed text names {named}, not {digest}.")
        if self.repository:
            of_image = [claim for claim in of_image if claim.repository and _repository_of(claim.repository) == self.repository]
            if not of_image:
                raise crypto.unproven(f"The signed text does not name the repository {self.repository}.")
        wanted = self.annotations.items()
        if not any(all(claim.annotations.get(key) == value for key, value in wanted) for claim in of_image):
            raise crypto.unproven("The signed text lacks the required annotations.")


_CLAIMS: dict[str, t.Callable[[bytes], tuple[Claim, ...]]] = {
    SIMPLE: read_simple_claims,
    BUNDLE: read_bundle_claims,
    JWS: read_notation_claims,
}


def _no_key(keys: t.Sequence[PublicKey], envelope: Envelope) -> str:
    if not keys:
        return "The signature is by a key, and the task sets no keys."
    if envelope.form == BUNDLE and any(key.kind == "Ed25519" for key in keys):
        return "The signature is not by any of the keys, or is by an Ed25519 key in the form Ed25519ph, which is not supported."
    return "The signature is not by any of the keys."


def _listed(given: t.Any) -> t.Sequence[t.Any]:
    """Return a raw option as a list: ansible-core would divide a text at its commas, and subjects have some."""
    return given if isinstance(given, (list, tuple)) else [] if given is None else [given]


def _parse_keys(texts: t.Sequence[t.Any], option: str) -> t.Iterator[PublicKey]:
    for number, text in enumerate(texts, 1):
        yield PublicKey.parse(text, f"Entry {number} of the option {option}")


def _check_signers(
    keys: t.Sequence[PublicKey],
    authorities: t.Sequence[Certificate],
    identities: t.Sequence[Identity],
    formats: t.Container[str],
    names: t.Mapping[str, str],
) -> None:
    """Refuse a policy that nothing could fulfil, or that anybody could."""
    own, issued, whom = names["keys"], names["certificate_authorities"], names["identities"]
    if not keys and not authorities:
        raise RegistryError(
            f"The task does not say which signatures to trust{_UNSET}: set {own}, or {issued} with {whom}.", "invalid_option"
        )
    if authorities and not identities:
        raise RegistryError(f"The option {issued} requires {whom}: otherwise anybody with a certificate could sign.", "invalid_option")
    if identities and not authorities:
        raise RegistryError(f"The option {whom} requires {issued}, which issue the certificates.", "invalid_option")
    if COSIGN not in formats and not authorities:
        raise RegistryError(f"Signatures of notation require certificates: set {issued} with {whom}.", "invalid_option")


def check_annotations(given: t.Any, option: str) -> dict[str, str]:
    """Return the annotations of an option, which are texts; raises ``invalid_option``."""
    for key, value in (given or {}).items():
        if key == "":
            raise RegistryError(f"The option {option} has an empty key: give each annotation a name.", "invalid_option")
        if not isinstance(key, str) or not isinstance(value, str):
            raise RegistryError(
                f"The option {option} has {quoted(key, 100)} with a value that is not a string: quote it.", "invalid_option"
            )
    return dict(given or {})


def _parse_repository(text: str | None, option: str) -> str:
    if text is None:
        return ""
    try:
        return Reference.parse(text).name
    except RegistryError as error:
        raise RegistryError(f"The option {option} is not a repository: {error.message}", "invalid_option") from None


def _repository_of(text: str) -> str:
    """Return the repository that a signed text names, with the tag or digest that some tools write behind it taken off."""
    try:
        return Reference.parse(text).name
    except RegistryError:
        return ""
