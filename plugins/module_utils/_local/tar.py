# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of contents of a tar archive: its headers alone are read, every number in them is held against a limit."""

from __future__ import annotations

import re
import typing as t

from .._core.errors import RegistryError

RECORD = 512
MAX_MEMBERS = 200_000
MAX_EXTENSION = 1024 * 1024  # bytes of a long name or a pax header
MAX_EXTENSIONS = 16 * 1024 * 1024  # of all of them together
_ZEROS = bytes(RECORD)
_REGULAR, _LINKS, _DIRECTORY, _CONTIGUOUS, _SPARSE = (b"0", b"\0"), (b"1", b"2"), b"5", b"7", b"S"
_WITHOUT_CONTENT = (*_LINKS, b"3", b"4", _DIRECTORY, b"6")  # whatever size they state: links, devices, directories and pipes
_EXTENSIONS = (b"x", b"g", b"L", b"K")
_OCTAL = re.compile(rb"[0-7]*")
_LENGTH = re.compile(rb"([0-9]{1,7}) ")
_SIZE = re.compile(rb"[0-9]{1,18}")


class Forward(t.Protocol):
    """An archive being read once, from its first byte to its last."""

    @property
    def position(self) -> int:
        """How many bytes lie behind."""

    def read(self, amount: int) -> bytes:
        """Return ``amount`` bytes, fewer only at the end."""

    def pass_over(self, size: int) -> bool:
        """Skip the ``size`` bytes of a member; False where there are fewer."""


def is_header(block: bytes) -> bool:
    """Tell whether ``block`` is the header of a tar member, by its checksum."""
    if len(block) != RECORD or block == _ZEROS:
        return False
    field = block[148:156]
    # Old tars summed up signed bytes; such a header is the same for all names in ASCII.
    total, stated = sum(block) - sum(field) + 8 * 32, _octal(field)
    return stated == total or stated == total - 256 * sum(byte > 127 for byte in block[:148] + block[156:])


def _octal(field: bytes) -> int:
    text = field.split(b"\0")[0].strip(b" ")
    return int(text or b"0", 8) if _OCTAL.fullmatch(text) else -1


def _size(field: bytes) -> int:
    """Return the size in a header, negative where it is none: octal, or GNU's binary form for large files."""
    return int.from_bytes(field[1:], "big") if field[0] == 0x80 else _octal(field)


def _has_path_for_times(header: bytes, prefix: str) -> bool:
    """Tell whether a path stands where GNU's headers have two times: Docker 1.13 and older wrote some of them so."""
    times = [field for field in (header[345:357], header[357:369]) if field[0]]
    return header[257:263] == b"ustar " and prefix.isascii() and any(_size(field) < 0 for field in times)


def _text(raw: bytes) -> str:
    return raw.split(b"\0")[0].decode("utf-8", "surrogateescape")


class Header(t.NamedTuple):
    """What the header of a member says, extensions put in; ``size`` is that of the content that follows, 0 for what has none.

    A user or group that is no number is -1.
    """

    name: str
    kind: bytes
    size: int
    link: str
    mode: int
    uid: int
    gid: int
    is_sparse: bool = False  # its content is not the file, but the parts of it that are not zeros

    @property
    def is_regular(self) -> bool:
        """Whether it is a file with content of its own."""
        return self.kind in _REGULAR and not self.name.endswith("/")

    @property
    def is_file(self) -> bool:
        """Whether a file system has a file for it: "contiguous" and sparse ones are files too."""
        return self.is_regular or self.kind in (_CONTIGUOUS, _SPARSE)

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic or a hard link."""
        return self.kind in _LINKS

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory; old tars tell by the name."""
        return self.kind == _DIRECTORY or (self.kind in _REGULAR and self.name.endswith("/"))


class HeaderReader:
    """Reads an archive header by header: at most ``most`` of them, with ``extensions`` bytes of long names and pax headers together."""

    def __init__(self, forward: Forward, what: str, most: int, extensions: int, of_layer: bool = False) -> None:
        self._of_layer = of_layer  # it may have sparse files, and umoci insert leaves out all that follows the last content
        self._forward = forward
        self._what = what
        self._most = most
        self._most_extensions = extensions
        self._said: dict[str, str] = {}  # by extensions, of the member that follows
        self._extensions = 0

    def __iter__(self) -> t.Iterator[Header]:
        """Yield the headers; the content of a file has to be read before the next one."""
        for _count in range(self._most):
            header = self._forward.read(RECORD)
            if header == _ZEROS or not header:
                if self._said:
                    raise self.truncated()
                return
            if not is_header(header):
                self._refuse(header)
            kind, size = header[156:157], _size(header[124:136])
            if size < 0:
                raise self.damaged("a member has an invalid size")
            if kind in _EXTENSIONS:
                self._extend(kind, size)
            else:
                yield self._stated(header, kind, size)
        raise RegistryError(f"{self._what} has more than the limit of {self._most} members.", "limit")

    def _stated(self, header: bytes, kind: bytes, size: int) -> Header:
        said, self._said = self._said, {}
        name, prefix = _text(header[:100]), _text(header[345:500])
        if prefix and (header[257:263] == b"ustar\0" or _has_path_for_times(header, prefix)):
            name = f"{prefix}/{name}"
        if "size" in said:
            size = int(said["size"])
        numbers = [_size(header[start : start + 8]) for start in (100, 108, 116)]
        uid, gid = (int(said.get(key, number)) for key, number in zip(("uid", "gid"), numbers[1:]))
        name = said.get("sparse") or said.get("path", name)
        has_content = kind not in _WITHOUT_CONTENT and not (kind == b"\0" and name.endswith("/"))
        if kind == _SPARSE:
            self._pass_over_map(header[482])
        return Header(
            name,
            kind,
            size if has_content else 0,
            said.get("linkpath", _text(header[157:257])),
            max(numbers[0], 0) & 0o7777,
            uid,
            gid,
            kind == _SPARSE or "sparse" in said,
        )

    def _pass_over_map(self, goes_on: int) -> None:
        """Skip the blocks that say where the parts of a sparse file belong: they are not counted in its size."""
        while goes_on:
            block = self._forward.read(RECORD)
            if len(block) < RECORD:
                raise self.truncated()
            goes_on = block[504]

    def pass_over(self, size: int) -> None:
        """Skip the content of a member, and what fills up its last block."""
        if not self._forward.pass_over(size):
            raise self.truncated()
        self.finish(size)

    def finish(self, size: int) -> None:
        """Skip what fills up the last block of a content of ``size`` bytes."""
        if len(self._forward.read(-size % RECORD)) < -size % RECORD and not self._of_layer:
            raise self.truncated()

    def _extend(self, kind: bytes, size: int) -> None:
        if size > MAX_EXTENSION:
            raise RegistryError(f"{self._what} has a header of {size} bytes: more than the limit of {MAX_EXTENSION}.", "limit")
        self._extensions += size
        if self._extensions > self._most_extensions:
            raise RegistryError(f"{self._what} has more than the limit of {self._most_extensions} bytes of names and pax headers.", "limit")
        raw = self._forward.read(size)
        if len(raw) < size or len(self._forward.read(-size % RECORD)) < -size % RECORD:
            raise self.truncated()
        if kind == b"L":
            self._said.setdefault("path", _text(raw))
        elif kind == b"K":
            self._said.setdefault("linkpath", _text(raw))
        else:
            said = self._pax(raw)
            if kind == b"x":
                self._said.update(said)
            elif said.keys() - {"uid", "gid"}:
                raise self.damaged("a header gives one name or size to many members")

    def _pax(self, raw: bytes) -> dict[str, str]:
        said: dict[str, str] = {}
        start, end = 0, len(raw.rstrip(b"\0"))
        while start < end:
            match = _LENGTH.match(raw, start)
            length = int(match.group(1)) if match else 0
            record = raw[match.end() if match else start : start + length]
            start += length
            key, equals, value = record.partition(b"=")
            if not equals or start > len(raw) or not value.endswith(b"\n"):
                raise self.damaged("a pax header cannot be read")
            if key.startswith(b"GNU.sparse"):
                if not self._of_layer:
                    raise self.damaged("it holds a sparse file")
                name = _text(value[:-1]) if key == b"GNU.sparse.name" else ""
                said["sparse"] = name or said.get("sparse", "")
            elif key in (b"path", b"linkpath"):
                said[key.decode()] = _text(value[:-1])
            elif key in (b"uid", b"gid") and _SIZE.fullmatch(value[:-1]):
                said[key.decode()] = value[:-1].decode()
            elif key == b"size":
                if not _SIZE.fullmatch(value[:-1]):
                    raise self.damaged("a member has an invalid size")
                said["size"] = value[:-1].decode()
        return said

    def _refuse(self, header: bytes) -> t.NoReturn:
        if self._forward.position <= RECORD:
            raise self.damaged("it is not a tar archive")
        raise self.truncated() if len(header) < RECORD else self.damaged("a header has the wrong checksum")

    def damaged(self, fault: str) -> RegistryError:
        """Return the error of an archive with a ``fault``."""
        return RegistryError(f"{self._what} cannot be used: {fault}.", "invalid_source")

    def truncated(self) -> RegistryError:
        """Return the error of an archive that ends too early."""
        return RegistryError(
            f"{self._what} is truncated: it ends after {self._forward.position} bytes, in the middle of a member.", "invalid_source"
        )
