# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring one blob into a repository: ask with the upload, send once, resume where it broke, never send what is there."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from ._api import RepositoryApi
from ._errors import RegistryError
from ._fanout import Cancellation
from ._image_source import BLOCK, BlobStream
from ._manifest import Descriptor
from ._origin import Target
from ._retry import RETRIED, Retry
from ._transport import Answer

SMALL = 4 * 1024 * 1024  # a blob under this may go twice to a host that ignores mount; asking first would cost more
DEFAULT_CHUNK = 16 * 1024 * 1024
SMALLEST_CHUNK = 1024 * 1024
_RANGE = re.compile(r"(?:bytes=)?0-([0-9]{1,18})", re.ASCII)
_OCTETS = {"Content-Type": "application/octet-stream"}
_GONE = frozenset({404, 410})


@dataclass
class Ways:
    """What a registry has shown of its ways; shared by all that talk to it in this process."""

    mounts: bool = False  # it has answered 201 to a mount
    ignores_mount: bool = False  # it had the blob, and still opened a session
    needs_chunks: bool = False
    largest_chunk: int = field(default=DEFAULT_CHUNK)


class UploadBody:
    """A body of exactly ``length`` bytes from a stream, in large blocks whatever amount is asked for."""

    def __init__(self, stream: BlobStream, length: int, cancellation: Cancellation) -> None:
        self._stream = stream
        self._length = length
        self._left = length
        self._cancellation = cancellation

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> t.Iterator[bytes]:
        while self._left:
            yield self.read()

    def read(self, _amount: int = -1) -> bytes:
        """Return the next block, b"" at the end; raises ``Cancelled`` when the transfer was stopped."""
        self._cancellation.check()
        if not self._left:
            return b""
        block = self._stream.read(min(BLOCK, self._left))
        if not block:
            raise RegistryError("The blob became shorter while it was sent.", "invalid_source")
        self._left -= len(block)
        return block


class _Restart(Exception):
    """The session is lost or spoilt: the upload begins anew."""


class Upload:
    """The upload of one blob to one repository."""

    def __init__(
        self,
        api: RepositoryApi,
        descriptor: Descriptor,
        open_blob: t.Callable[[Descriptor], BlobStream],
        ways: Ways,
        cancellation: Cancellation,
        retries: int,
        chunk_size: int = 0,
    ) -> None:
        self._api = api
        self._descriptor = descriptor
        self._open_blob = open_blob
        self._ways = ways
        self._cancellation = cancellation
        self._chunk_size = chunk_size
        self._retry = Retry(retries)
        self._breaks = 0
        self._spoilt = False
        self._action = f"Uploading the blob {descriptor.digest} to {api.name}"

    def run(self, mount_from: t.Sequence[str], check: t.Callable[[Descriptor], None] | None = None) -> str:
        """Bring the blob there and return how: ``existing``, ``mounted`` or ``uploaded``.

        ``mount_from`` are the repositories to ask for, this one (which finds what is there) among them; ``check`` is
        called before the first byte is sent.
        """
        own = self._api.repository
        if own in mount_from and self._ways.ignores_mount and self._api.has_blob(self._descriptor):
            return "existing"
        session: Answer | None = None
        for repository in mount_from if not self._ways.ignores_mount else ():
            answer = self._start(repository)
            if answer is None:
                return "existing" if repository == own else "mounted"
            if session is not None:
                self._cancel(session)
            session = answer
        if session is not None and self._is_there_after_all(session, own in mount_from):
            return "existing"
        if check is not None:
            try:
                check(self._descriptor)
            except RegistryError:
                self._cancel(session)
                raise
        self._send(session)
        return "uploaded"

    def _start(self, mount_from: str | None) -> Answer | None:
        """Open a session; None where the registry mounted the blob instead."""
        scopes = () if mount_from in (None, self._api.repository) else (f"repository:{mount_from}:pull",)
        answer = self._api.start_upload(self._descriptor.digest if mount_from else None, mount_from, scopes)
        answer.finish() if answer.status in (201, 202) else None
        if answer.status == 201 and mount_from:
            self._ways.mounts = True
            return None
        if answer.status == 202:
            return answer
        if mount_from and 400 <= answer.status < 500 and answer.status != 429:
            answer.finish()
            return self._start(None)  # "not mountable" is no error
        raise self._api.exchange.failure(answer, self._action, self._api.name)

    def _is_there_after_all(self, session: Answer, asked: bool) -> bool:
        """Find out, with a large blob, whether this host ignores mount: asking is then cheaper than sending again."""
        if not asked or self._ways.mounts or self._descriptor.size < SMALL:
            return False
        if not self._api.has_blob(self._descriptor):
            return False
        self._ways.ignores_mount = True
        self._cancel(session)
        return True

    def _cancel(self, session: Answer | None) -> None:
        if session is None:
            return
        try:
            self._api.send_upload("DELETE", self._api.upload_target(session)).finish()
        except RegistryError:
            return  # an abandoned session ends by itself

    def _send(self, session: Answer | None) -> None:
        while True:
            current = session or self._start(None)
            session = None
            if current is None:
                return
            try:
                target = self._api.upload_target(current)
                if self._in_chunks():
                    self._send_chunks(target, _least_chunk(current))
                else:
                    self._send_whole(target)
                return
            except _Restart:
                continue
            except BaseException:
                self._cancel(current)
                raise

    def _in_chunks(self) -> bool:
        return self._ways.needs_chunks or self._breaks >= 2 or 0 < self._chunk_size < self._descriptor.size

    def _body(self, stream: BlobStream, length: int) -> t.Any:
        return UploadBody(stream, length, self._cancellation) if length else b""

    def _send_whole(self, target: Target) -> None:
        streams: list[BlobStream] = []

        def body() -> t.Any:
            streams.append(self._open_blob(self._descriptor))
            return self._body(streams[-1], self._descriptor.size)

        try:
            answer = self._api.send_upload("PUT", self._commit_target(target), body, _OCTETS)
        except RegistryError as error:
            self._settle(error)
            return
        finally:
            for stream in streams:
                stream.close()
        if answer.status == 413:
            answer.finish()
            self._ways.needs_chunks = True
            raise _Restart
        self._finish(answer)

    def _commit_target(self, target: Target) -> Target:
        return target.with_query(f"digest={self._descriptor.digest}")

    def _settle(self, error: RegistryError) -> None:
        """After a broken connection: the blob may have arrived all the same; else begin anew."""
        if not self._retry.after_error(error):
            raise error
        self._breaks += 1
        if not self._api.has_blob(self._descriptor):
            raise _Restart

    def _finish(self, answer: Answer) -> None:
        if answer.status in (200, 201, 202, 204):
            answer.finish()
            return
        if answer.status in _GONE or (answer.status in RETRIED and self._retry.after_answer(answer)):
            answer.finish()
            if answer.status in _GONE:
                self._take_restart(answer)
            if self._api.has_blob(self._descriptor):
                return
            raise _Restart
        failure = self._api.exchange.failure(answer, self._action, self._api.name)
        if failure.code == "DIGEST_INVALID" and not self._spoilt:
            self._spoilt = True  # what the registry put together may be wrong even where every part was right
            raise _Restart
        raise failure

    def _take_restart(self, answer: Answer) -> None:
        lost = RegistryError(
            f"{self._action} failed: the registry lost the upload session again and again.",
            "server",
            answer.status,
            None,
            self._api.exchange.registry,
            self._api.name,
            passing=True,
        )
        if not self._retry.after_error(lost):
            raise lost

    # Chunks

    def _send_chunks(self, target: Target, least: int) -> None:
        offset = 0
        stream = self._open_at(0)
        try:
            while offset < self._descriptor.size:
                wanted = max(self._chunk_size or self._ways.largest_chunk, least)
                length = min(wanted, self._descriptor.size - offset)
                answer = self._send_chunk(target, stream, offset, length)
                target, reached = self._after_chunk(answer, target, offset, length)
                if reached != offset + length:
                    stream.close()
                    stream = self._open_at(reached)
                offset = reached
        finally:
            stream.close()
        try:
            answer = self._api.send_upload("PUT", self._commit_target(target), b"", _OCTETS)
        except RegistryError as error:
            self._settle(error)
            return
        self._finish(answer)

    def _open_at(self, offset: int) -> BlobStream:
        stream = self._open_blob(self._descriptor)
        while offset:
            block = stream.read(min(BLOCK, offset))
            if not block:
                raise RegistryError("The blob became shorter while it was sent.", "invalid_source")
            offset -= len(block)
        return stream

    def _send_chunk(self, target: Target, stream: BlobStream, offset: int, length: int) -> Answer | None:
        headers = {**_OCTETS, "Content-Range": f"{offset}-{offset + length - 1}"}
        first = [stream]

        def body() -> t.Any:
            # A second call is a repetition after a renewed token: the stream has moved on, so it is opened anew.
            return self._body(first.pop() if first else self._open_at(offset), length)

        try:
            return self._api.send_upload("PATCH", target, body, headers)
        except RegistryError as error:
            if not self._retry.after_error(error):
                raise
            return None

    def _after_chunk(self, answer: Answer | None, target: Target, offset: int, length: int) -> tuple[Target, int]:
        """Return where the upload goes on and how much of the blob the registry has."""
        if answer is not None and answer.status in (200, 201, 202, 204):
            answer.finish()
            target = self._api.upload_target(answer) if answer.headers.get("Location") else target
            reached = _reached(answer)
            if reached in (None, offset + length):
                return target, offset + length
        elif answer is not None and answer.status in (413, 416):
            answer.finish()
            self._take_restart(answer)
            self._ways.largest_chunk = max(min(self._ways.largest_chunk, length) // 4, SMALLEST_CHUNK)
        elif answer is not None and answer.status in _GONE:
            answer.finish()
            self._take_restart(answer)
            raise _Restart
        elif answer is not None and not self._retry.after_answer(answer):
            raise self._api.exchange.failure(answer, self._action, self._api.name)
        return self._resynchronize(target)

    def _resynchronize(self, target: Target) -> tuple[Target, int]:
        answer = self._api.send_upload("GET", target)
        answer.finish()
        reached = _reached(answer)
        if answer.status not in (200, 202, 204) or reached is None or not 1 < reached <= self._descriptor.size:
            self._take_restart(answer)
            raise _Restart
        return (self._api.upload_target(answer) if answer.headers.get("Location") else target), reached


def _reached(answer: Answer) -> int | None:
    match = _RANGE.fullmatch(answer.headers.get("Range", "").strip())
    return int(match.group(1)) + 1 if match else None


def _least_chunk(answer: Answer) -> int:
    text = answer.headers.get("OCI-Chunk-Min-Length", "")
    return int(text) if re.fullmatch(r"[0-9]{1,12}", text, re.ASCII) else 0
