# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task as its body sees it, whichever front runs it: options, connections, changes and diff, errors, secrets."""

from __future__ import annotations

import sys
import threading
import typing as t
from dataclasses import dataclass, field

from .._core.budget import Budget
from .._core.errors import RegistryError, too_many_files
from .._core.interruption import Interruption, interruptible
from .._core.progress import Progress
from .._core.scrub import Scrubber, quoted
from .._oci.reference import Digest, Reference
from .._registry.client import RegistryClient
from .._registry.connections import ConnectionOptions, Connections, Listeners

if t.TYPE_CHECKING:
    from .._local.attributes import Attributes, FileOptions
    from .._registry.two_registries import TwoRegistries

Map = t.Mapping[str, t.Any]
Result = dict[str, t.Any]
_FAULTS = (Exception, SystemExit)  # whatever asks to exit: Ansible's worker goes on with other tasks


@dataclass(frozen=True)
class Front:
    """What a front does for a task.

    It hands warnings, journal lines and secrets to Ansible, makes the folder for temporary files, returns what the options
    for files (owner, mode and so on) mean for a path, and shows progress where it can.
    """

    on_warning: t.Callable[[str], None]
    on_log: t.Callable[[str], None]
    on_secret: t.Callable[[str], None]
    make_tmpdir: t.Callable[[], str]
    file_options: t.Callable[[str], FileOptions]
    progress: Progress = field(default_factory=Progress)


class Task:
    """A task: its body fills ``result``, and tells ``changes`` before it carries them out.

    ``run`` gives the result of the whole task, with a failure as one clear sentence in ``msg`` and its facts in ``error``.
    """

    def __init__(
        self, params: dict[str, t.Any], front: Front, scrubber: Scrubber, check_mode: bool = False, diff_mode: bool = False
    ) -> None:
        self.params = params
        self.check_mode = check_mode
        self.diff_mode = diff_mode
        self.result: Result = {"changed": False}
        self.budget = Budget()
        self.progress = front.progress
        self.interruption = Interruption()  # ends the task from another thread
        self.has_written = False  # whether a task that fails has changed something all the same
        self.done: t.Callable[[], t.Container[str]] | None = None  # for one that fails: what was done of the changes
        self._front = front
        self._scrubber = scrubber
        self._planned: tuple[Map, Map, str] = ({}, {}, "")
        self._connections: Connections | TwoRegistries | None = None
        self._tmpdir: str | None = None
        self._on_failure: t.Callable[[Result], None] = lambda result: None
        self._lock = threading.Lock()

    def run(self, body: t.Callable[[Task], None], on_failure: t.Callable[[Result], None] = lambda result: None) -> Result:
        """Run the body and return the result, which holds ``failed`` where it failed; ``on_failure`` gets it while the exception is there."""
        self._on_failure = on_failure
        with self, interruptible(self.interruption):
            try:
                body(self)
            except BaseException as error:
                self.interruption.heed(error)
                raise
        return self.result

    def __enter__(self) -> Task:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> bool:
        self.progress.end()
        if self._connections is not None:
            self._connections.close()
        if isinstance(error, RegistryError):
            self._fail(error)
        elif isinstance(error, UnicodeEncodeError) and sys.getfilesystemencoding() != "utf-8":
            self._fail(_strange_path(error.object))
        elif isinstance(error, _FAULTS):
            bug = f"Unexpected {type(error).__name__}: {error}. This is a bug in the collection; please report it."
            self._fail(too_many_files(error) or RegistryError(bug, "server"))
        return isinstance(error, _FAULTS)

    def _fail(self, error: RegistryError) -> None:
        """Note the error's sentence and facts beside what ``result`` holds; of the changes only those that were ``done``."""
        if self.done is not None:
            self.tell_done(self.done())
            self.has_written = self.has_written or bool(self.result["changed"])
        self.result.update(changed=self.has_written, failed=True, msg=error.message, error=error.facts())
        self._on_failure(self.result)

    # What a body uses

    def attributes(self, path: str) -> Attributes:
        """Return what the task states of the owner, mode and so on of the file or folder at ``path``, and of those in it."""
        from .._local.attributes import Attributes  # only what writes to this host needs it

        return Attributes(self._front.file_options(path), self.check_mode)

    def reference(self, name: str) -> Reference:
        """Return the image that ``name`` says, relative to the option ``registry`` where it is set."""
        return Reference.parse(name, self.params["registry"])

    def path(self) -> str:
        """Return the option ``path``; an empty one would be the working directory, which nobody means."""
        path = self.params["path"]
        if not path:
            raise RegistryError("The option path is empty: name a file or a folder.", "invalid_option")
        return str(path)

    def connect(self, *names: Reference) -> Connections:
        """Return the connections of the task, whose images are ``names``."""
        connections = Connections(ConnectionOptions.parse(self.params), names, self._listeners(), budget=self.budget)
        self._connections = connections
        return connections

    def connect_two(self, sources: t.Iterable[Reference], destinations: t.Iterable[Reference]) -> TwoRegistries:
        """Return the connections of a task between registries."""
        from .._registry.two_registries import TwoRegistries

        connections = TwoRegistries(self.params, sources, destinations, self._listeners(), budget=self.budget)
        self._connections = connections
        return connections

    def _listeners(self) -> Listeners:
        return Listeners(self.add_secret, self.warn, self.log, self.progress)

    def client(self, image: Reference, *actions: str) -> RegistryClient:
        """Return the client for the repository of ``image``; in check mode it asks for no more than reading."""
        wanted = ("pull",) if self.check_mode or not actions else actions
        return self.connect(image).client(image, *wanted)

    def changes(self, before: Map, after: Map, header: str = "") -> bool:
        """Note ``changed`` and the diff of two states; return whether to carry the change out (not in check mode)."""
        self._planned = (before, after, header)
        shown = [{key: _plain(value) for key, value in state.items()} for state in (before, after)]
        self.result["changed"] = shown[0] != shown[1]
        if self.diff_mode:
            self.result["diff"] = {"before": shown[0], "after": shown[1], "before_header": header, "after_header": header}
        return bool(self.result["changed"]) and not self.check_mode

    def tell_done(self, done: t.Container[str]) -> None:
        """Tell of the changes only those that were ``done`` here."""
        before, after, header = self._planned
        known = {name for name in (*before, *after) if name in done or (name in before and name in after and before[name] == after[name])}
        shown = [{name: state for name, state in planned.items() if name in known} for planned in (before, after)]
        self.changes(shown[0], shown[1], header)

    def note_written(self) -> None:
        """Note that something was written, which a task that fails tells all the same."""
        self.has_written = True

    def warn(self, text: str) -> None:
        """Give a warning, scrubbed."""
        self._front.on_warning(self._scrubber.shown(text))

    def log(self, text: str) -> None:
        """Write a line to the journal of the host, scrubbed."""
        self._front.on_log(self._scrubber.shown(text))

    def add_secret(self, secret: str) -> None:
        """Mask ``secret``, learnt while the task runs, in all that leaves."""
        self._scrubber.add(secret)
        self._front.on_secret(secret)

    @property
    def tmpdir(self) -> str:
        """A folder for temporary files, which only the user of the task can enter."""
        with self._lock:
            if self._tmpdir is None:
                self._tmpdir = self._make_tmpdir()
            return self._tmpdir

    def _make_tmpdir(self) -> str:
        try:
            return self._front.make_tmpdir()
        except Exception as error:  # ansible-core raises nothing more special
            why = str(error.__cause__ or error).rstrip(".")
            advice = "set the variable ansible_remote_tmp to a folder that the user of the task can write"
            raise RegistryError(f"The host that runs the task has no folder for temporary files: {why}; {advice}.", "local_io") from None


def _strange_path(path: str) -> RegistryError:
    return RegistryError(
        f"The path {quoted(path, 300)} contains characters that the locale of the host that runs the task does not have: set LC_ALL to C.UTF-8 "
        "in the keyword environment of the task.",
        "local_io",
    )


def _plain(value: t.Any) -> t.Any:
    return str(value) if isinstance(value, Digest) else value
