# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The endpoints of the distribution specification, one method each: values in, values out."""

from __future__ import annotations

import typing as t
from contextlib import suppress
from urllib.parse import quote

from .._core.errors import NotFound, RegistryError
from .._core.interruption import Cancelled
from .._http.answers import is_page
from .._http.challenge import merge_scopes
from .._http.exchange import Body, Exchange
from .._http.origin import Target
from .._http.token_server import Scopes, TokenRefused
from .._http.transport import Answer
from .._oci.companions import UNREAD_TYPES
from .._oci.manifest import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    INDEX_TYPES,
    MANIFEST_TYPES,
    MAX_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
    Manifest,
)
from .._oci.reference import Digest, check_tag, is_digest

# Some registries say of a manifest that it is not there where its type is not asked for.
ACCEPT = ", ".join((OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST, *UNREAD_TYPES, "*/*"))
_FAULTS = frozenset(range(500, 600))
_REFUSED = frozenset({400, 401, 403, 404, 405, 501})  # what is absent, or not to be had in this way


class Head(t.NamedTuple):
    """What a HEAD of a manifest tells; ``digest`` is None where the registry does not say it."""

    digest: Digest | None
    media_type: str
    size: int | None

    @property
    def is_typed(self) -> bool:
        """Whether it is called a manifest."""
        return any(self.media_type in types for types in (INDEX_TYPES, MANIFEST_TYPES, UNREAD_TYPES))

    def shows(self, identifier: str) -> bool:
        """Tell whether this is word of a manifest, and not of a page: by its type, or by its digest, which must be the one asked for."""
        if self.digest is None or not is_digest(identifier):
            return self.digest is not None or self.is_typed
        wanted = Digest.parse(identifier)
        return self.digest == wanted or (self.digest.algorithm != wanted.algorithm and self.is_typed)


class Stored(t.NamedTuple):
    """What the registry confirms of a manifest it took: its digest, and whether it handles the subject itself."""

    digest: Digest | None
    knows_subject: bool


class RepositoryApi:
    """The endpoints of one repository; ``scopes`` are asked for with the first token."""

    def __init__(self, exchange: Exchange, repository: str, scopes: Scopes) -> None:
        self.exchange = exchange
        self.repository = repository
        self.scopes = scopes
        self.name = f"{exchange.registry}/{repository}" if repository else exchange.registry

    def display(self, identifier: str) -> str:
        """Return how messages name a tag or digest of this repository."""
        return f"{self.name}{'@' if is_digest(identifier) else ':'}{identifier}"

    def url(self, path: str) -> Target:
        """Return an address below this repository."""
        return self.exchange.base.join(f"/v2/{self.repository}/{path}", "The address")

    def send(self, method: str, target: Target, reference: str | None = None, **options: t.Any) -> Answer:
        """Send a request about this repository."""
        return self.exchange.send(method, target, self.scopes, self.repository, reference=reference or self.name, **options)

    def failure(self, answer: Answer, action: str, shown: str | None = None) -> RegistryError:
        """Return the error that the ``answer`` to a request about this repository, or about ``shown`` in it, means."""
        return self.exchange.failure(answer, action, shown or self.name, self.repository)

    # Manifests (end-2, end-3, end-7, end-9)

    def _manifest_url(self, identifier: str) -> Target:
        checked = str(Digest.parse(identifier)) if is_digest(identifier) else check_tag(identifier)
        return self.url(f"manifests/{checked}")

    def head_manifest(self, identifier: str) -> Head | None:
        """Return what HEAD tells of a manifest; None where a GET has to.

        That is where HEAD is refused, its 200 may be a page's, or its 404 that of something else than a registry.
        """
        shown = self.display(identifier)
        answer = self.send("HEAD", self._manifest_url(identifier), shown, headers={"Accept": ACCEPT})
        if answer.status == 200:
            answer.finish()
            with self.exchange.about(shown):
                head = _head(answer)
            if not head.shows(identifier):
                return None
            self.exchange.answers_head = True
            return head
        unproven = answer.status == 404 and (answer.content_type == "text/html" or not self.exchange.shown)
        if answer.status in (405, 501) or unproven or self._refused_abroad(answer):
            answer.finish()
            return None
        raise self.failure(answer, f"Reading {shown}", shown)

    def _refused_abroad(self, answer: Answer) -> bool:
        """Tell whether another host, to which the registry redirects, refuses a HEAD: a signed address may be good for GET alone."""
        return answer.target.origin != self.exchange.origin and answer.status in _REFUSED

    def get_manifest(self, identifier: str) -> Manifest:
        """Return the manifest or index, its bytes held against the digest that was asked for or announced."""
        shown = self.display(identifier)
        whole = (MAX_MANIFEST, f"The manifest of {shown}")
        with suppress(NotFound):  # the GET says it, with what the registry has to say about it
            self.exchange.pulls.take(lambda: self.head_manifest(identifier))
        answer = self.send("GET", self._manifest_url(identifier), shown, headers={"Accept": ACCEPT}, whole=whole)
        if answer.status != 200:
            raise self.failure(answer, f"Reading {shown}", shown)
        raw = answer.read_all(*whole)
        if is_page(answer.content_type, raw):
            raise self.exchange.page_failure(answer, f"Reading {shown}", shown)
        with self.exchange.about(shown):
            announced = _digest_header(answer)
        wanted = Digest.parse(identifier) if is_digest(identifier) else announced
        try:
            manifest = Manifest.parse(raw, answer.content_type, wanted, f"The manifest of {shown}", self.exchange.budget)
            if announced and wanted and announced.algorithm == wanted.algorithm and announced != wanted:
                raise RegistryError(f"The registry says that {shown} has the digest {announced}.", "digest_mismatch")
        except RegistryError as error:
            error.status, error.registry, error.reference = answer.status, self.exchange.registry, shown
            raise
        self.exchange.shown = True
        return manifest

    def put_manifest(self, identifier: str, manifest: Manifest) -> Stored:
        """Store the manifest's bytes under a tag or its digest; raises ``digest_mismatch`` where another is confirmed."""
        shown = self.display(identifier)
        answer = self.send("PUT", self._manifest_url(identifier), shown, headers={"Content-Type": manifest.media_type}, body=manifest.raw)
        if answer.status not in (200, 201, 202):
            raise self.failure(answer, f"Writing {shown}", shown)
        answer.finish()
        with self.exchange.about(shown):
            confirmed = _digest_header(answer)
        if confirmed and confirmed.algorithm == manifest.digest.algorithm and confirmed != manifest.digest:
            raise RegistryError(
                f"Writing {shown} failed: the registry stored the digest {confirmed} instead of {manifest.digest}.",
                "digest_mismatch",
                answer.status,
                None,
                self.exchange.registry,
                shown,
            )
        return Stored(confirmed, "OCI-Subject" in answer.headers)

    def delete_manifest(self, identifier: str) -> Answer:
        """Ask to delete a manifest by digest or a tag by name; the caller reads the status."""
        return self.send("DELETE", self._manifest_url(identifier), self.display(identifier))

    # Blobs (end-2, end-10)

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Tell whether the repository shows that it holds the blob, so that it need not be sent."""
        answer = self.send("HEAD", self.url(f"blobs/{descriptor.digest}"))
        if answer.status == 200:
            answer.finish()
            return _is_of(answer, descriptor)
        if answer.status in (405, 501) or self._refused_abroad(answer):
            answer.finish()
            return self._begins(descriptor)
        if answer.status == 403:
            answer.finish()
            return False  # some registries deny what is absent, even to those who may send it
        failure = self.failure(answer, f"Looking for the blob {descriptor.digest} in {self.name}")
        if isinstance(failure, NotFound):
            return False
        raise failure

    def _begins(self, descriptor: Descriptor) -> bool:
        """Tell by the head of a GET whether the repository has the blob."""
        try:
            with self.get_blob(descriptor.digest) as answer:
                return _is_of(answer, descriptor)
        except RegistryError as error:
            if error.status not in _REFUSED:
                raise
            return False

    def get_blob(self, digest: Digest, start: int = 0) -> Answer:
        """Return the answer to a GET of a blob, from byte ``start`` on where that is not 0; its body is unread.

        Registries answer such a question with a part (206), with all of it (200), or find it impossible (416): the caller looks.
        """
        headers = {"Range": f"bytes={start}-"} if start else {}
        answer = self.send("GET", self.url(f"blobs/{digest}"), headers=headers)
        if answer.status not in (200, 206) and not (start and answer.status == 416):
            raise self.failure(answer, f"Reading the blob {digest} of {self.name}")
        return answer

    # Uploads (end-4 to end-6, end-11, end-13, end-14)

    def start_upload(self, mount: Digest | None = None, source: str | None = None, scopes: Scopes = ()) -> Answer:
        """Open an upload session, or have a blob of the repository ``source`` mounted; the caller reads the status."""
        query = f"?mount={quote(str(mount), safe=':')}" + (f"&from={quote(source, safe='/')}" if source else "") if mount else ""
        target = self.url(f"blobs/uploads/{query}")
        merged = merge_scopes(self.scopes, scopes)
        # A registry that fails at a mount has refused it: the blob is sent instead, not the question again.
        final = _FAULTS if mount else frozenset()
        answer = self.exchange.send("POST", target, merged, self.repository, {"Content-Length": "0"}, b"", self.name, final=final)
        self.exchange.shown = self.exchange.shown or (answer.status in (201, 202) and "Location" in answer.headers)
        return answer

    def upload_target(self, answer: Answer) -> Target:
        """Return where an upload goes on, as its last answer says; foreign hosts must be as safe as the registry itself.

        From there no way leads back: a stranger must not choose what the credentials are sent to.
        """
        shown = f"The upload address that {self.exchange.registry} gave"
        with self.exchange.about(self.name):
            target = answer.target.join(answer.headers.get("Location", ""), shown)
            self.exchange.transport.trust.check_scheme(target.origin, shown)
        if answer.abroad and target.origin == self.exchange.origin:
            raise RegistryError(
                f"Another host, where an upload to {self.name} goes, redirects it back to the registry, which is not allowed.",
                "untrusted_target",
                answer.status,
                None,
                self.exchange.registry,
                self.name,
            )
        return target

    def send_upload(self, method: str, target: Target, body: Body = None, headers: t.Mapping[str, str] | None = None) -> Answer:
        """Send a part of an upload (PATCH, PUT), or ask for (GET) its session; only questions are repeated."""
        return self.exchange.send(method, target, self.scopes, self.repository, headers, body, self.name, method == "GET")

    def cancel_upload(self, find_target: t.Callable[[], Target], error: BaseException | None = None) -> bool:
        """Cancel an upload, after ``error``, and tell whether that is allowed: registries want the right to delete for any DELETE.

        It is of no account if it fails otherwise: the session expires by itself.
        """
        interruption = self.exchange.transport.interruption
        if error is not None:
            interruption.heed(error)
        scopes = merge_scopes(self.scopes, [f"repository:{self.repository}:delete"])
        try:
            with interruption.cleanup():
                answer = self.exchange.send("DELETE", find_target(), scopes, self.repository, reference=self.name, retried=False)
                answer.finish()
            return answer.status not in (401, 403)
        except TokenRefused:
            return False
        except (RegistryError, Cancelled):
            return True


def _digest_header(answer: Answer) -> Digest | None:
    text = answer.headers.get("Docker-Content-Digest", "").strip()
    try:
        return Digest.parse(text) if text else None
    except RegistryError as error:
        raise RegistryError(f"The registry sent an invalid digest header: {error.message}", "invalid_response") from None


def _is_of(answer: Answer, descriptor: Descriptor) -> bool:
    """Tell by the head of an answer about a blob whether it is that of ``descriptor``, and not a page."""
    if answer.length is None or answer.coding:
        return _digest_header(answer) == descriptor.digest or not is_page(answer.content_type, b"")
    return answer.length == descriptor.size


def _head(answer: Answer) -> Head:
    return Head(_digest_header(answer), answer.content_type, None if answer.coding else answer.length or None)  # no manifest is empty
