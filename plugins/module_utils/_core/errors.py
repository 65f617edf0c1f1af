# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception of the collection: a sentence for the user and the facts behind it."""

from __future__ import annotations

import errno
import platform
import sys
import typing as t

KINDS = (
    "invalid_reference",
    "invalid_option",
    "not_found",
    "unauthorized",
    "denied",
    "credentials",
    "untrusted_target",
    "unsupported",
    "conflict",
    "precondition",
    "rate_limited",
    "timeout",
    "tls",
    "network",
    "digest_mismatch",
    "unverified",
    "invalid_source",
    "invalid_response",
    "limit",
    "local_io",
    "missing_library",
    "server",
)


OF_THE_HOST = frozenset({"network", "timeout", "tls", "unauthorized", "rate_limited"})
"""The kinds that each other image of the registry would meet as well: a task that goes on asks in vain."""


class RegistryError(Exception):
    """What went wrong, as one sentence, with its ``kind`` (one of ``KINDS``) and what the registry said.

    ``reference`` is the full name of an image or a repository, whose first part is the ``registry`` where that is not given.
    ``passing`` is True where another attempt may succeed. ``gone_by`` says by what method something was deleted before it came to this.
    ``choices`` are what the user may choose among, where the choice is what was missing.
    ``retry_after`` is the number of seconds that the registry asks to wait, where it says so.
    """

    def __init__(
        self,
        message: str,
        kind: str,
        status: int | None = None,
        code: str | None = None,
        registry: str | None = None,
        reference: str | None = None,
        passing: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.status = status
        self.code = code
        self.registry = registry or (reference.partition("/")[0] if reference else None)
        self.reference = reference
        self.passing = passing
        self.gone_by = ""
        self.choices: list[str] | None = None
        self.retry_after: float | None = None

    def bare(self) -> RegistryError:
        """Return the error without the way that it came, for one that is kept: the frames would keep all that they hold."""
        self.__traceback__ = self.__context__ = self.__cause__ = None
        return self

    def again(self, message: str = "") -> RegistryError:
        """Return an error that says the same, to be raised once more, or with the same facts a ``message`` about more than this."""
        return RegistryError(message or self.message, self.kind, self.status, self.code, self.registry, self.reference)

    def facts(self) -> dict[str, t.Any]:
        """Return the ``error`` dictionary of a failed task; unknown facts are None, and ``choices`` are only there where there are some."""
        return {
            "kind": self.kind,
            "status": self.status,
            "code": self.code,
            "registry": self.registry,
            "reference": self.reference,
            **({"choices": self.choices} if self.choices else {}),
        }

    def entry(self) -> dict[str, t.Any]:
        """Return the error as an entry of a result has it: the sentence as ``msg``, and the facts."""
        return {"msg": self.message, **self.facts()}


class NotFound(RegistryError):
    """The registry said that the manifest, tag, blob or repository does not exist."""

    def __init__(
        self,
        message: str,
        status: int | None = None,
        code: str | None = None,
        registry: str | None = None,
        reference: str | None = None,
    ) -> None:
        super().__init__(message, "not_found", status, code, registry, reference)


def damaged(error: NotFound, fault: str) -> RegistryError:
    """Return the error of content that is there but for a part, which ``error`` is about: nobody may take it for absent."""
    message = f"{fault}: the image is damaged, or is being deleted."
    return RegistryError(message, "invalid_response", error.status, error.code, error.registry, error.reference)


MORE_FILES = "set concurrency to a lower number, or raise the limit for open files"
"""The advice for a task, or a host, that has too many files open; connections are among them."""


def too_many_files(error: BaseException) -> RegistryError | None:
    """Return the error (``local_io``) of too many open files, None where ``error`` is another one; some may be closed by the next attempt."""
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        return RegistryError(f"{error.strerror}: {MORE_FILES}.", "local_io", passing=True)
    return None


OTHER_PYTHON = "If it is installed for another Python of that host, set ansible_python_interpreter to that one."
"""The advice of ``missing_library`` that is for tasks only: nothing chooses the Python of a lookup."""


def missing_library(library: str, why: str = "") -> RegistryError:
    """Return the error of a Python library that is not there: which host and which Python lack it, and ``why`` it is needed."""
    return RegistryError(
        f"{why}The Python library {library} is missing for {sys.executable} on {platform.node()}: install it there. {OTHER_PYTHON}",
        "missing_library",
    )
