# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send the bytes of one blob through an upload session: whole, else in chunks, resumed where the session broke."""

from __future__ import annotations

import typing as t

from .._core.errors import RegistryError
from .._core.fanout import Cancellation
from .._http.headers import parse_count, parse_received
from .._http.origin import Target
from .._http.retry import RETRIED, Allowance, Retry
from .._http.transport import Answer
from .._oci.image_source import BlobStream
from .._oci.manifest import Descriptor
from .api import RepositoryApi
from .blob_body import BlobBody, open_at
from .capabilities import Capabilities

DEFAULT_CHUNK = 16 * 1024 * 1024
SMALLEST_CHUNK = 1024 * 1024
_BREAKS_BEFORE_CHUNKS = 2
_MORE_TIMES = 4  # that a blob may be sent, besides once for each of ``retries``: for other ways of sending it
_MOST_READS = 32  # of a whole blob, to go on within it
_OCTETS = {"Content-Type": "application/octet-stream"}
_TAKEN = frozenset({200, 201, 202, 204})
_TOOK_TOO_LONG = frozenset({408, 502, 504})  # what proxies say of a body that is too much for them
_SESSION_LOST = frozenset({404, 410, 416})


class _Restart(Exception):
    """The session is lost or spoilt: the upload begins anew."""


class UploadSession:
    """Sends one blob: ``start`` opens a session, ``send`` goes on with it (or a new one) until the blob is there."""

    def __init__(
        self,
        api: RepositoryApi,
        descriptor: Descriptor,
        open_blob: t.Callable[[Descriptor], BlobStream],
        capabilities: Capabilities,
        cancellation: Cancellation,
        retries: int,
        chunk_size: int = 0,
        on_progress: t.Callable[[int], None] = lambda position: None,
    ) -> None:
        self.api = api
        self.descriptor = descriptor
        self._open_blob = open_blob
        self.capabilities = capabilities
        self._cancellation = cancellation
        self._chunk_size = chunk_size
        self._on_progress = on_progress
        self._retries = retries
        self._retry = Retry(retries)
        self._restarts = Retry(retries)
        self._breaks = 0
        self._furthest = 0  # how much the registry had, in any session, when there were new attempts last
        self._spoilt = False
        self._passed = 0  # the longest chunk that got through since one did not
        self._target: Target  # where the upload goes on, as the registry's newest answer says
        self._action = f"Uploading the blob {descriptor.digest} to {api.name}"
        self._to_send = Allowance(descriptor.size, retries + _MORE_TIMES, self._lost)
        self._to_skip = Allowance(descriptor.size, _MOST_READS, self._lost)

    def start(self) -> Answer:
        """Open an upload session."""
        return self.opened(self.api.start_upload())

    def opened(self, answer: Answer) -> Answer:
        """Return ``answer`` if it opened a session, else raise what it says."""
        if answer.status != 202:
            raise self.api.failure(answer, self._action)
        answer.finish()
        return answer

    def cancel(self, session: Answer | None, error: BaseException | None = None) -> None:
        """End a session that is not wanted, after ``error``; one that cannot be ended expires by itself."""
        if session is not None:
            self._end(lambda: self.api.upload_target(session), error)

    def _end(self, find_target: t.Callable[[], Target], error: BaseException | None = None) -> None:
        if not self.capabilities.keeps_sessions and not self.api.cancel_upload(find_target, error):
            self.capabilities.keeps_sessions = True

    def send(self, session: Answer | None) -> None:
        """Send the blob through ``session``, and through further ones where it is lost."""
        while True:
            current = session or self.start()
            session = None
            self._target = self.api.upload_target(current)
            try:
                if self._in_chunks():
                    self._send_chunks(parse_count(current.headers.get("OCI-Chunk-Min-Length")) or 0)
                else:
                    self._send_whole()
                return
            except _Restart:
                self._end(lambda: self._target)
            except BaseException as error:
                self._end(lambda: self._target, error)
                raise

    def _in_chunks(self) -> bool:
        forced = self.capabilities.needs_chunks or self._breaks >= _BREAKS_BEFORE_CHUNKS
        return self.descriptor.size > 0 and (forced or 0 < self._chunk_size < self.descriptor.size)

    def _body(self, stream: BlobStream, offset: int, length: int) -> t.Any:
        return BlobBody(stream, length, self._cancellation, self._to_send, lambda sent: self._on_progress(offset + sent)) if length else b""

    def _send_whole(self) -> None:
        streams: list[BlobStream] = []

        def body() -> t.Any:
            streams.append(self._open_blob(self.descriptor))
            return self._body(streams[-1], 0, self.descriptor.size)

        try:
            self._commit(body)
        finally:
            for stream in streams:
                stream.close()

    def _commit(self, body: t.Any) -> None:
        """Send the last request of an upload and settle what became of it; raises ``_Restart`` where nothing did."""
        try:
            answer = self.api.send_upload("PUT", self._target.with_query(f"digest={self.descriptor.digest}"), body, _OCTETS)
        except RegistryError as error:
            if not self._retry.after_error(error):
                raise
            self._settle()
            return
        if answer.status in _TAKEN:
            answer.finish()
        elif answer.status == 413 and callable(body):
            answer.finish()
            self.capabilities.needs_chunks = True
            raise _Restart
        elif answer.status in _SESSION_LOST:
            answer.finish()
            self._take_restart(answer)
            self._settle()
        elif answer.status in RETRIED and self._retry.after_answer(answer):
            self._settle()
        else:
            self._refuse(answer)

    def _settle(self) -> None:
        """After a lost answer: the blob may have arrived all the same; else begin anew."""
        self._breaks += 1
        if not self.api.has_blob(self.descriptor):
            raise _Restart

    def _refuse(self, answer: Answer) -> t.NoReturn:
        failure = self.api.failure(answer, self._action)
        if failure.code == "DIGEST_INVALID" and not self._spoilt:
            self._spoilt = True  # what the registry put together may be wrong even where every part was right
            raise _Restart
        raise failure

    def _take_restart(self, answer: Answer) -> None:
        lost = self._lost(answer.status)
        if not self._restarts.after_error(lost):
            raise lost

    def _lost(self, status: int | None = None) -> RegistryError:
        return RegistryError(
            f"{self._action} failed: the registry lost the upload session, or its content, several times.",
            "server",
            status,
            None,
            self.api.exchange.registry,
            self.api.name,
            passing=status is not None,
        )

    def _send_chunks(self, least: int) -> None:
        offset = 0
        stream = self._open_blob(self.descriptor)
        try:
            while offset < self.descriptor.size:
                wanted = max(min(self._chunk_size or DEFAULT_CHUNK, self.capabilities.largest_chunk), least)
                length = min(wanted, self.descriptor.size - offset)
                answer = self._send_chunk(stream, offset, length)
                reached = self._after_chunk(answer, offset, length)
                if reached - self._furthest >= min(length, SMALLEST_CHUNK):
                    self._retry = Retry(self._retries)  # none for what the registry took before and lost
                    self._furthest = reached
                if reached != offset + length:
                    stream.close()
                    stream = open_at(self._open_blob, self.descriptor, reached, self._to_skip)
                offset = reached
        finally:
            stream.close()
        self._commit(b"")

    def _send_chunk(self, stream: BlobStream, offset: int, length: int) -> Answer | None:
        """Send one chunk; None where the connection broke and another attempt is allowed."""
        headers = {**_OCTETS, "Content-Range": f"{offset}-{offset + length - 1}"}
        first = [stream]
        reopened: list[BlobStream] = []

        def body() -> t.Any:
            # A second call is a repetition after a renewed token: the stream has moved on, so it is opened anew.
            if not first:
                reopened.append(open_at(self._open_blob, self.descriptor, offset, self._to_skip))
            return self._body(first.pop() if first else reopened[-1], offset, length)

        try:
            return self.api.send_upload("PATCH", self._target, body, headers)
        except RegistryError as error:
            if not self._retry.after_error(error):
                raise
            return None
        finally:
            for extra in reopened:
                extra.close()

    def _after_chunk(self, answer: Answer | None, offset: int, length: int) -> int:
        """Return how much of the blob the registry has, and with what the upload goes on."""
        if answer is None:
            return self._after_break(offset, length)
        if answer.status in _TAKEN:
            answer.finish()
            self._follow(answer)
            self._passed = max(self._passed, length)
            return self._check_range(answer, offset, length)
        if answer.status in (413, 416):
            if answer.status == 413 and length <= SMALLEST_CHUNK:
                raise self.api.failure(answer, self._action)
            answer.finish()
            self._follow(answer)
            self._take_restart(answer)
            self.capabilities.shorten_chunks(length, SMALLEST_CHUNK)
            reached = self._resynchronize(offset)
            if reached == offset and length <= SMALLEST_CHUNK:
                raise _Restart  # it does not take what it asks for
            return reached
        if answer.status in _SESSION_LOST:
            answer.finish()
            self._take_restart(answer)
            raise _Restart
        if not (answer.status in RETRIED and self._retry.after_answer(answer)):
            self._refuse(answer)
        return self._after_break(offset, length) if answer.status in _TOOK_TOO_LONG else self._resynchronize(offset)

    def _after_break(self, offset: int, length: int) -> int:
        """Go on after a chunk that did not get through: where nothing of it did, nor just now of one as long, shorter ones are sent."""
        reached = offset
        try:
            reached = self._resynchronize(offset)
            return reached
        finally:
            if reached <= offset and length > self._passed:
                self.capabilities.shorten_chunks(length, SMALLEST_CHUNK)
            self._passed = 0

    def _check_range(self, answer: Answer, offset: int, length: int) -> int:
        """Return how much of the blob the registry has, which ``answer`` may misstate; one that was caught at it is not believed again.

        Of one that takes but a part of each chunk less is asked for, and hardly any is no progress.
        """
        end = offset + length
        if self.capabilities.misstates_range or parse_received(answer.headers.get("Range")) in (None, end):
            return end
        reached = self._resynchronize(offset)
        if reached == end:
            self.capabilities.misstates_range = True
            return reached
        if reached - offset < min(length, SMALLEST_CHUNK):
            self._take_restart(answer)
        self.capabilities.largest_chunk = min(self.capabilities.largest_chunk, max(reached - offset, SMALLEST_CHUNK))
        return reached

    def _follow(self, answer: Answer) -> None:
        if answer.headers.get("Location"):
            self._target = self.api.upload_target(answer)

    def _resynchronize(self, offset: int) -> int:
        """Ask how much the registry has; a first byte alone cannot be told from none (0-0), so that begins anew.

        One that has less than the ``offset`` it had confirmed may do so only a few times.
        """
        answer = self.api.send_upload("GET", self._target)
        answer.finish()
        if answer.status in _TAKEN:
            self._follow(answer)
            reached = parse_received(answer.headers.get("Range"))
            if reached is not None and 1 < reached <= self.descriptor.size:
                if reached < offset:
                    self._take_restart(answer)
                return reached
        self._take_restart(answer)
        raise _Restart
