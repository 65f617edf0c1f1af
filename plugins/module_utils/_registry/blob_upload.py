# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring one blob into a repository: ask with the upload, never send what is there."""

from __future__ import annotations

import contextlib
import typing as t

from .._http.token_server import TokenRefused
from .._http.transport import Answer
from .._oci.manifest import Descriptor
from .upload_session import UploadSession

SMALL = 4 * 1024 * 1024  # a blob under this may go twice to a host that ignores mount; asking first would cost more


class BlobUpload:
    """The upload of one blob to one repository, by way of ``session``."""

    def __init__(self, session: UploadSession) -> None:
        self._session = session
        self._api = session.api
        self._descriptor = session.descriptor
        self._capabilities = session.capabilities

    def run(self, mount_from: t.Sequence[str], check: t.Callable[[Descriptor], None] | None = None) -> str:
        """Bring the blob there and return how: ``existing``, ``mounted`` or ``uploaded``.

        ``mount_from`` are the repositories to ask for, this one (which finds what is there) among them; ``check`` is
        called before the first byte is sent.
        """
        own = self._api.repository
        if self._capabilities.ignores_mount and self._api.has_blob(self._descriptor):
            return "existing"
        session: Answer | None = None
        for repository in mount_from if not self._capabilities.ignores_mount else ():
            if repository in self._capabilities.unreadable:
                continue
            session = self._mount(repository, session)
            if session is None:
                return "existing" if repository == own else "mounted"
        with self._holding(session):
            is_there = session is not None and self._is_there_after_all()
            if check is not None and not is_there:
                check(self._descriptor)
        if is_there:
            self._session.cancel(session)
            return "existing"
        self._session.send(session)
        return "uploaded"

    @contextlib.contextmanager
    def _holding(self, session: Answer | None) -> t.Iterator[None]:
        """Cancel ``session`` where what is done within the block fails or is ended from outside."""
        try:
            yield
        except BaseException as error:
            self._session.cancel(session, error)
            raise

    def _mount(self, repository: str, session: Answer | None) -> Answer | None:
        """Ask for the blob of ``repository``, in place of the ``session`` before; return the new one, None where the blob is there now."""
        own = repository == self._api.repository
        scopes = () if own else (f"repository:{repository}:pull",)
        with self._holding(session):
            try:
                answer = self._api.start_upload(self._descriptor.digest, repository, scopes)
            except TokenRefused:
                if own:
                    raise
                self._capabilities.unreadable.add(repository)
                return session or self._session.start()
        self._session.cancel(session)
        if answer.status == 201:
            answer.finish()
            self._capabilities.mounts = True
            return None
        if 400 <= answer.status < 600 and answer.status != 429:
            answer.finish()  # "not mountable" is no error; but a host that refuses its own blobs has to be asked first
            self._capabilities.ignores_mount = self._capabilities.ignores_mount or (own and not self._capabilities.mounts)
            return self._session.start()
        return self._session.opened(answer)

    def _is_there_after_all(self) -> bool:
        """Find out whether this host ignores mount: with a large blob asking is cheaper than sending it again."""
        if self._capabilities.mounts or (self._descriptor.size < SMALL and not self._capabilities.ignores_mount):
            return False
        if not self._api.has_blob(self._descriptor):
            return False
        self._capabilities.ignores_mount = True
        return True
