# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of images, their tags and digests, in the grammar of the distribution specification."""

from __future__ import annotations

import hashlib
import re
import typing as t
from dataclasses import dataclass, replace

from .._core.errors import RegistryError
from .._core.scrub import cut, quoted
from .host import (
    DOCKER_HUB,
    UNSET,
    check_characters,
    check_host,
    check_unmasked,
    has_host,
    invalid,
    is_api_path,
    is_pasted,
    normalize_registry,
    strip_scheme,
)

_MAX_NAME = 255
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", re.ASCII)
_HEX = re.compile(r"[0-9a-f]+", re.ASCII)
DIGEST_LENGTHS = {"sha256": 64, "sha512": 128}
"""The algorithms of digests, and how many hexadecimal digits each has."""
DIGEST_PREFIXES = tuple(f"{algorithm}:" for algorithm in DIGEST_LENGTHS)
"""How a digest begins."""


@dataclass(frozen=True)
class Digest:
    """A content digest: ``algorithm`` (sha256 or sha512) and lower-case ``hex``."""

    algorithm: str
    hex: str

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Return the digest in ``text`` (``sha256:...``, one leading ``@`` allowed)."""
        algorithm, colon, digits = text[text.startswith("@") :].partition(":")
        length = DIGEST_LENGTHS.get(algorithm)
        if not colon or length is None:
            raise invalid(f"The digest {quoted(text, 120)} does not begin with sha256: or sha512:.")
        if len(digits) != length or not _HEX.fullmatch(digits):
            raise invalid(f"The digest {quoted(text, 160)} needs {length} lower-case hexadecimal digits after {algorithm}:.")
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
        message = f"The option expected_digest is empty{UNSET}: give the digest, or leave the option out."
        raise RegistryError(message, "invalid_option")
    return None if text is None else Digest.parse(text)


def is_digest(text: str) -> bool:
    """Tell whether ``text`` is written as a digest; no tag can hold a colon."""
    return ":" in text


def check_tag(tag: str) -> str:
    """Return ``tag`` if the specification allows it, else raise ``invalid_reference``."""
    if not tag:
        raise invalid(f"An empty tag is not valid{UNSET}: give a tag.")
    check_unmasked(tag, "The tag")
    if not _TAG.fullmatch(tag):
        hint = "; write '_' for '+', as Helm does" if "+" in tag else ""
        raise invalid(
            f"The tag {quoted(tag, 160)} is not valid: a tag has 1 to 128 letters, digits, '_', '.' or '-', "
            f"and begins with a letter, a digit or '_'{hint}."
        )
    return tag


def check_repository(repository: str, host: str = "") -> str:
    """Return ``repository`` if the specification allows it on ``host``, else raise ``invalid_reference``."""
    for part in repository.split("/"):
        if not part:
            raise invalid(f"The repository {quoted(repository, 300)} has an empty part{UNSET}: write its parts with one '/' between them.")
        if part in (".", ".."):
            raise invalid(f"The repository {quoted(repository, 300)} contains {part!a}, which is not allowed in an image name: remove it.")
        if part != part.lower():
            raise invalid(f"The repository {quoted(repository, 300)} contains upper-case letters: write the repository in lower case.")
        if not _COMPONENT.fullmatch(part):
            raise invalid(
                f"The part {quoted(part, 120)} of the repository {quoted(repository, 300)} is not valid: use lower-case letters and "
                "digits, with '.', '_', '__' or '-' between them."
            )
    if len(host) + 1 + len(repository) > _MAX_NAME:
        raise invalid(f"The name {host}/{cut(repository, 60)} is longer than {_MAX_NAME} characters: use a shorter name.")
    return repository


def split_base(base: str, option: str = "registry") -> tuple[str, str]:
    """Return the host and the prefix ("" without one) of the option ``registry``: ``host[:port][/prefix]``."""
    if not base:
        raise invalid(f"The option {option} is empty{UNSET}: give host[:port][/prefix], or leave the option out.")
    what = f"The option {option}"
    check_characters(base, what)
    side = option[: -len("registry")]
    text = strip_scheme(base, what, side)
    if "@" in text:
        raise invalid(
            f"The option {option} contains user information before '@': use the options {side}username and {side}password instead."
        )
    host, slash, prefix = text.partition("/")
    host = normalize_registry(check_host(host))
    if is_api_path(host, prefix, is_pasted(base)):
        return host, ""
    if slash:
        try:
            check_repository(prefix, host)
        except RegistryError as error:
            raise invalid(f"The option {option} is not host[:port][/prefix]: {error.message}") from None
    return host, prefix


def _parse_digest(text: str) -> Digest:
    """Return the digest behind the '@' of a name."""
    _algorithm, colon, digits = text.partition(":")
    if not colon:
        raise invalid(
            f"{quoted(text, 120)} after '@' is not a digest, which begins with sha256: or sha512:; write a tag after ':' instead."
        )
    if not digits:
        raise invalid(f"The digest {quoted(text, 120)} has no digits{UNSET}: write them after its ':'.")
    return Digest.parse(text)


def _names_host(path: str) -> bool:
    first, slash, _rest = path.partition("/")
    return bool(slash) and has_host(first)


def _check_not_alone(name: str, text: str, last: str, tag: str) -> None:
    """Refuse a registry alone: it would be read as an image of Docker Hub."""
    shortened = text != name  # a scheme or a last '/' was dropped
    if (shortened and has_host(last)) or (last == "localhost" and tag.isdecimal()) or (tag and name.endswith("/")):
        why = UNSET if name.endswith("/") else ": write the repository after it"
        raise invalid(f"The name {quoted(name, 300)} names a registry but no repository{why}.")


def _check_relative(path: str, name: str, base: tuple[str, str], option: str) -> None:
    """Refuse a ``name`` in full beside the option that names the ``base``: it would become ``host/host/repository``, and be pushed to there.

    Mirrors have paths that begin with the host of the source; those are written below ``dest_registry``, or below a host alone.
    """
    first, (host, prefix) = path.partition("/")[0], base
    if _names_host(path) and (":" in first or normalize_registry(first.lower()) == host or (prefix and option == "registry")):
        named = f"{host}/{prefix}" if prefix else host
        raise invalid(
            f"The name {quoted(name, 300)} names a registry itself; leave out one of the two: {quoted(first, 300)} in the name, "
            f"or the option {option}, which is {cut(named, 300)}."
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
            raise invalid(f"The image name is empty{UNSET}: write [registry/]repository[:tag][@digest].")
        check_characters(name, "The name")
        text = strip_scheme(name, "The name")
        path, at, digest_text = text.partition("@")
        if (at and "/" in digest_text) or "@" in digest_text:
            raise invalid("The image name contains user information before '@': use the options username and password instead.")
        if at and not digest_text:
            raise invalid(f"The image name ends with '@'{UNSET}: write the digest after it, sha256:..., or remove the '@'.")
        digest = _parse_digest(digest_text) if at else None
        head, slash, last = path.rpartition("/")
        last, colon, tag = last.partition(":")
        if not slash and registry is None:
            _check_not_alone(name, text, last, tag)
        if (not last and not head.strip("/")) or (slash and not head):
            what = "an empty part before its first '/'" if last else "no repository"
            raise invalid(f"The name {quoted(name, 300)} has {what}{UNSET}: write [registry/]repository[:tag][@digest].")
        if colon and not tag:
            raise invalid(f"The name {quoted(name, 300)} is not valid without a tag after ':'{UNSET}: write the tag, or remove the ':'.")
        path = f"{head}{slash}{last}"
        host, repository = cls._locate(path, name, registry, option)
        return cls(host, check_repository(repository, host), check_tag(tag) if colon else None, digest)

    @classmethod
    def parse_beside(cls, name: str, registry: str | None) -> Reference:
        """Return the image that ``name`` says: a name that begins with a host stands for itself, others are relative to ``registry``."""
        return cls.parse(name, None if _names_host(strip_scheme(name, "The name")) else registry)

    @staticmethod
    def _locate(path: str, name: str, registry: str | None, option: str) -> tuple[str, str]:
        if registry is not None:
            host, prefix = split_base(registry, option)
            _check_relative(path, name, (host, prefix), option)
            repository = f"{prefix}/{path}" if prefix else path
        else:
            first, _slash, rest = path.partition("/")
            if _names_host(path):
                host, repository = normalize_registry(check_host(first)), rest
            else:
                host, repository = DOCKER_HUB, path
        if not repository:
            raise invalid(f"The name {quoted(name, 300)} names a registry but no repository{UNSET}.")
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
            hint = " Quote the tag: YAML reads 1.10 as 1.1." if isinstance(tag, (int, float)) else " List tags as text."
            raise invalid(f"The tag {quoted(tag, 60)} is not a string.{hint}")
        unique[check_tag(tag)] = None
    return tuple(unique)
