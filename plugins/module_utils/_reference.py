# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of images, their tags and digests, in the grammar of the distribution specification."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import typing as t
from dataclasses import dataclass, replace

from ._errors import RegistryError

DOCKER_HUB = "docker.io"
_HUB_NAMES = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
_MAX_NAME = 255
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", re.ASCII)
_HOST_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
_HEX = re.compile(r"[0-9a-f]+", re.ASCII)
_DIGEST_LENGTHS = {"sha256": 64, "sha512": 128}
_UNSAFE = re.compile(r"[^\x21-\x7e]|[\\%?#]")


def _invalid(message: str) -> RegistryError:
    return RegistryError(message, "invalid_reference")


@dataclass(frozen=True)
class Digest:
    """A content digest: ``algorithm`` (sha256 or sha512) and lower-case ``hex``."""

    algorithm: str
    hex: str

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Return the digest in ``text`` (``sha256:...``, one leading ``@`` allowed)."""
        algorithm, colon, digits = text[text.startswith("@") :].partition(":")
        length = _DIGEST_LENGTHS.get(algorithm)
        if not colon or length is None:
            raise _invalid(f"The digest {text!a:.120} does not begin with sha256: or sha512:.")
        if len(digits) != length or not _HEX.fullmatch(digits):
            raise _invalid(f"The digest {text!a:.160} needs {length} lower-case hexadecimal digits after {algorithm}:.")
        return cls(algorithm, digits)

    @classmethod
    def of(cls, raw: bytes, algorithm: str = "sha256") -> Digest:
        """Return the digest of ``raw``."""
        return cls(algorithm, hashlib.new(algorithm, raw).hexdigest())

    def hasher(self) -> hashlib._Hash:
        """Return a new hash object of this digest's algorithm."""
        return hashlib.new(self.algorithm)

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


def parse_expected(text: str | None) -> Digest | None:
    """Return the digest of the option ``expected_digest``, None where it is not given; an empty one would check nothing and is refused."""
    if text == "":
        raise RegistryError("The option expected_digest is empty: give the digest, or leave the option out.", "invalid_option")
    return None if text is None else Digest.parse(text)


def is_digest(text: str) -> bool:
    """Tell whether ``text`` is written as a digest; no tag can hold a colon."""
    return ":" in text


def check_tag(tag: str) -> str:
    """Return ``tag`` if the specification allows it, else raise ``invalid_reference``."""
    if not _TAG.fullmatch(tag):
        raise _invalid(
            f"The tag {tag!a:.160} is not valid: a tag has 1 to 128 letters, digits, '_', '.' or '-', "
            "and begins with a letter, a digit or '_'."
        )
    return tag


def check_repository(repository: str, host: str = "") -> str:
    """Return ``repository`` if the specification allows it on ``host``, else raise ``invalid_reference``."""
    for part in repository.split("/"):
        if not part:
            raise _invalid(f"The repository {repository!a:.300} has an empty part: write its parts with one '/' between them.")
        if part in (".", ".."):
            raise _invalid(f"The repository {repository!a:.300} holds {part!a}, which is not allowed in an image name.")
        if part != part.lower():
            raise _invalid(f"The repository {repository!a:.300} holds upper-case letters: repositories are written in lower case.")
        if not _COMPONENT.fullmatch(part):
            raise _invalid(
                f"The part {part!a:.120} of the repository {repository!a:.300} is not valid: it has lower-case letters and "
                "digits, with '.', '_', '__' or '-' between them."
            )
    if len(host) + 1 + len(repository) > _MAX_NAME:
        raise _invalid(f"The name {host}/{repository:.60}... is longer than {_MAX_NAME} characters.")
    return repository


def check_host(text: str) -> str:
    """Return ``text`` (``host[:port]``) in lower case if it is a host name or address, else raise ``invalid_reference``."""
    if "://" in text:
        raise _invalid(f"The registry {_without_user_info(text)!a:.300} is an address: give its host alone, with the port if there is one.")
    bracket = text.rfind("]") + 1 if text.startswith("[") else 0
    host, colon, port = text[bracket:].partition(":")
    host = (text[:bracket] + host).lower()
    if not (text.isascii() and _is_host(host)):
        raise _invalid(f"The registry {_without_user_info(text)!a:.300} is not a host name or address, with a port or without.")
    if colon and not (_PORT.fullmatch(port) and 1 <= int(port) <= 65535):
        raise _invalid(f"The registry {_without_user_info(text)!a:.300} has no valid port: it is a number from 1 to 65535.")
    return f"{host}:{int(port)}" if colon else host


def _is_host(host: str) -> bool:
    if host.startswith("["):
        try:
            return host.endswith("]") and "%" not in host and bool(ipaddress.IPv6Address(host[1:-1]))
        except ValueError:
            return False
    labels = host.split(".")
    if len(host) > 253 or not all(_HOST_LABEL.fullmatch(label) for label in labels):
        return False
    if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[-1], re.ASCII):
        # Systems read 127.1, 0177.0.0.1 and 2130706433 as addresses too: only the plain spelling is one here.
        try:
            return str(ipaddress.IPv4Address(host)) == host
        except ValueError:
            return False
    return True


def normalize_registry(host: str) -> str:
    """Return the one name of a registry: Docker Hub has three."""
    return DOCKER_HUB if host in _HUB_NAMES else host


def _strip_scheme(text: str, what: str) -> str:
    lower = text.lower()
    if lower.startswith("http://"):
        raise _invalid(f"{what} {_without_user_info(text)!a:.300} begins with http://: leave that out and set plain_http: true.")
    for scheme in ("https://", "docker://"):
        if lower.startswith(scheme):
            text = text[len(scheme) :]
            break
    return text[:-1] if text.endswith("/") else text


def _without_user_info(text: str) -> str:
    scheme, separator, rest = text.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else text.rpartition("@")[2]


def _check_characters(text: str, what: str) -> None:
    unsafe = _UNSAFE.search(text)
    if unsafe:
        char = unsafe.group()
        found = repr(char) if char.isprintable() and char != " " else "a blank" if char.isspace() else "a control character"
        raise _invalid(
            f"{what} {_without_user_info(text)!a:.300} holds {found}: names are of ASCII letters and digits, and the marks . _ - / : @ between them."
        )


def split_base(base: str, option: str = "registry") -> tuple[str, str]:
    """Return the host and the prefix ("" without one) of the option ``registry``: ``host[:port][/prefix]``."""
    if not base:
        raise _invalid(f"The option {option} is empty: name a host, host[:port][/prefix], or leave the option out.")
    what = f"The option {option}, which is"
    _check_characters(base, what)
    text = _strip_scheme(base, what)
    if "@" in text:
        raise _invalid(f"The option {option} holds '@': give user name and password in their own options.")
    host, slash, prefix = text.partition("/")
    host = normalize_registry(check_host(host))
    if host == DOCKER_HUB and prefix == "v1":
        return host, ""  # docker login's own spelling of Docker Hub is https://index.docker.io/v1/
    if slash:
        try:
            check_repository(prefix, host)
        except RegistryError as error:
            raise _invalid(f"The option {option} is not host[:port][/prefix]: {error.message}") from None
    return host, prefix


def _has_host(first: str) -> bool:
    return "." in first or ":" in first or first == "localhost" or first.startswith("[")


def _check_relative(path: str, name: str, host: str, option: str) -> None:
    """Refuse a ``name`` in full beside the option ``registry``: it would become ``host/host/repository``, and be pushed to there."""
    first, slash, _rest = path.partition("/")
    if slash and (":" in first or (_has_host(first) and normalize_registry(first.lower()) == host)):
        raise _invalid(
            f"The name {name!a:.300} begins with a registry, but the option {option} names {host} already, and names are relative to it: "
            "leave out one of the two."
        )


@dataclass(frozen=True)
class Reference:
    """An image: ``registry`` (host, docker.io for its aliases), ``repository`` (prefix included), ``tag``, ``digest``."""

    registry: str
    repository: str
    tag: str | None = None
    digest: Digest | None = None

    @classmethod
    def parse(cls, name: str, registry: str | None = None, option: str = "registry") -> Reference:
        """Return the image that ``name`` says: ``[registry/]repository[:tag][@digest]``, relative to ``registry`` (of ``option``) if given."""
        if not name:
            raise _invalid("The image name is empty.")
        _check_characters(name, "The name")
        text = _strip_scheme(name, "The name")
        path, at, digest_text = text.partition("@")
        if (at and "/" in digest_text) or "@" in digest_text:
            raise _invalid("The image name holds user information before '@': give user name and password in their own options.")
        if at and not digest_text:
            raise _invalid("The image name ends with '@': write the digest after it, sha256:..., or leave it out.")
        digest = Digest.parse(digest_text) if at else None
        head, slash, last = path.rpartition("/")
        last, colon, tag = last.partition(":")
        alone = not slash and registry is None and _has_host(last)
        if alone and (text != name or (last == "localhost" and _PORT.fullmatch(tag))):  # a scheme or a last '/' was dropped
            raise _invalid(f"The name {last!a:.300} names a registry but no repository.")
        path = f"{head}{slash}{last}"
        host, repository = cls._locate(path, name, registry, option)
        return cls(host, check_repository(repository, host), check_tag(tag) if colon else None, digest)

    @staticmethod
    def _locate(path: str, name: str, registry: str | None, option: str) -> tuple[str, str]:
        if registry is not None:
            host, prefix = split_base(registry, option)
            _check_relative(path, name, host, option)
            repository = f"{prefix}/{path}" if prefix else path
        else:
            first, slash, rest = path.partition("/")
            if slash and _has_host(first):
                host, repository = normalize_registry(check_host(first)), rest
            else:
                host, repository = DOCKER_HUB, path
        if not repository:
            raise _invalid(f"The name {name!a:.300} names no repository.")
        if host == DOCKER_HUB and "/" not in repository:
            repository = f"library/{check_repository(repository)}"
        return host, repository

    @property
    def identifier(self) -> str:
        """What the registry is asked for: the digest if there is one, else the tag, else latest."""
        return str(self.digest) if self.digest else self.tag or "latest"

    @property
    def name(self) -> str:
        """The image without tag and digest: ``registry/repository``."""
        return f"{self.registry}/{self.repository}"

    def with_tag(self, tag: str) -> Reference:
        """Return the same repository's ``tag``."""
        return replace(self, tag=check_tag(tag), digest=None)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.name}{tag}{f'@{self.digest}' if self.digest else ''}"


def check_tags(tags: t.Iterable[t.Any]) -> tuple[str, ...]:
    """Return the list of tags a task gave, each once, in order; anything but a string is refused."""
    unique: dict[str, None] = {}
    for tag in tags:
        if not isinstance(tag, str):
            hint = " Quote the tag: YAML reads 1.10 as 1.1." if isinstance(tag, (int, float)) else ""
            raise _invalid(f"The tag {tag!r:.60} is not a string.{hint}")
        unique[check_tag(tag)] = None
    return tuple(unique)
