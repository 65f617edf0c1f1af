# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What answers mean: whether a registry speaks at all, what it says of an error, and what it says it lacks."""

from __future__ import annotations

import re
import typing as t

from .._core.errors import RegistryError
from .._core.json import load_object, load_value
from .._core.scrub import clean, clean_told
from .challenge import parse_challenges
from .transport import MAX_ERROR_BODY, Answer

ABSENT = frozenset({"MANIFEST_UNKNOWN", "NAME_UNKNOWN", "BLOB_UNKNOWN", "NOT_FOUND", "TAG_EXPIRED"})  # the last one is Quay's
DENIED = frozenset({"DENIED", "UNAUTHORIZED"})
_REASONS = ("message", "error_description", "error", "detail", "details", "reason", "title")  # where others than the specification put them
_DIGEST = re.compile(r"sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})", re.ASCII)
_CODE = re.compile(r"[A-Z][A-Z0-9_]*", re.ASCII)  # the specification's form; gateways write numbers and words of their own
_SUBJECT = re.compile(r"/v2/[^?]+/(?:(manifests|blobs)/([^/?]+)|(tags)/list|blobs/(uploads)/[^?]*)(?:\?|\Z)", re.ASCII)


class Told(t.NamedTuple):
    """What an error's body says: ``formed`` where it has the specification's form, ``digest`` of the content it is about."""

    code: str | None = None
    text: str = ""
    digest: str = ""
    formed: bool = False


def read_told(raw: bytes) -> Told:
    """Return code and text of an error's body: of the first of its entries that says why, texts of up to five."""
    start = raw.lstrip()[:1]
    if start != b"{":
        return Told(text="" if start == b"<" else clean_told(raw.decode("utf-8", "replace"), 200))
    try:
        document = load_object(raw, MAX_ERROR_BODY, "The error")
    except RegistryError:
        return Told()
    entries = document.get("errors")
    found = [entry for entry in entries[:5] if isinstance(entry, dict)] if isinstance(entries, list) else []
    if not found:
        return Told(text=next((clean_told(document[key], 200) for key in _REASONS if isinstance(document.get(key), str)), ""))
    codes = [clean(entry["code"], 60) for entry in found if isinstance(entry.get("code"), str)]
    texts = [clean_told(entry["message"], 200) for entry in found if isinstance(entry.get("message"), str)]
    digests = [match.group() for match in (_DIGEST.search(str(entry.get("detail"))) for entry in found) if match]
    first = [code for code in codes if code in DENIED] + codes
    return Told(first[0] if first else None, clean("; ".join(texts)), digests[0] if digests else "", any(map(_CODE.fullmatch, codes)))


def is_page(content_type: str, raw: bytes) -> bool:
    """Tell whether an answer is a web page (or a proxy's XML), whatever its status."""
    return content_type.lower() in ("text/html", "application/xhtml+xml") or raw.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"


def shows_registry(answer: Answer) -> bool:
    """Tell whether the head of any answer shows that a registry gave it: its version header, or a challenge for tokens."""
    if "Docker-Distribution-Api-Version" in answer.headers:
        return True
    return answer.status == 401 and any(
        challenge.scheme == "bearer" and challenge.parameters.get("realm") for challenge in _challenges(answer)
    )


def is_registry_root(answer: Answer) -> bool:
    """Tell whether this answer to a GET of ``/v2/``, whose body is read, is a registry's, and not that of where it sends people."""
    raw = answer.read_error()
    if answer.abroad:
        return False
    if shows_registry(answer) or (answer.status == 401 and _challenges(answer)):
        return True
    if answer.status != 200 or is_page(answer.content_type, raw):
        return False
    try:
        load_value(raw, MAX_ERROR_BODY, "The root")
    except RegistryError:
        return not raw and answer.content_type == "application/json"
    return True


def _challenges(answer: Answer) -> t.Sequence[t.Any]:
    try:
        return parse_challenges(answer.headers.get("WWW-Authenticate", ""))
    except RegistryError:
        return ()


def describe_absence(told: Told, url: str, repository: str) -> str:
    """Return what the registry lacks, as its answer to a request for ``url`` says."""
    match = _SUBJECT.search(url[:1000])
    endpoint, identifier, tags, uploads = match.groups() if match else (None, "", None, None)
    if repository and (told.code == "NAME_UNKNOWN" or tags):
        return f"the registry has no repository {repository}" + (": some registries require that you create it first" if uploads else "")
    if told.code == "BLOB_UNKNOWN" or endpoint == "blobs":
        digest = told.digest or (identifier if endpoint == "blobs" else "")
        return f"the registry has no blob {digest} in {repository}" if digest else f"the registry lacks a blob in {repository}"
    if endpoint == "manifests":
        return f"the registry has no {'manifest' if ':' in identifier else 'tag'} {identifier} in {repository}"
    return "the registry has no such content"


def explain(status: int, code: str | None) -> tuple[str, str]:
    """Return kind and reason of an error that is no refusal of access and no absence."""
    if status == 429 or code == "TOOMANYREQUESTS":
        return "rate_limited", "the registry limits requests"
    if status == 413:
        return "limit", "the registry, or a proxy in front of it, refuses content of this size"
    if status == 408:
        return "timeout", "the registry, or a proxy in front of it, did not receive the request in time"
    if status == 507:
        return "server", "the registry's disk is full"
    if status >= 500:
        return "server", "the registry has an internal error"
    if status == 405 or code == "UNSUPPORTED":
        return "unsupported", "the registry does not allow this operation"
    if code == "NAME_INVALID":
        return "invalid_response", "the registry does not accept the name of this repository; some accept none below another one"
    if status in (409, 412):
        return "conflict", "the registry refuses to change what is there"
    if status >= 400:
        return "invalid_response", "the registry refuses the request"
    return "invalid_response", "the registry sent an unexpected response"
