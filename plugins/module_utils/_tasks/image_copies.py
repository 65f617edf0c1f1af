# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task of registry_copy: from options to copies, side by side, and what became of each."""

from __future__ import annotations

import threading
import time
import typing as t

from .._core.errors import RegistryError
from .._core.fanout import Cancellation, fan_out
from .._core.progress import Progress
from .._core.scrub import some
from .._oci.host import UNSET
from .._oci.platform import Platform
from .._oci.reference import check_tags, parse_expected
from .._registry.client import RegistryClient
from .._registry.image_copy import Copied, Copy, CopyOptions, CopyTask, destination_tags
from .._registry.results import Result
from .._registry.tagging import TagMap
from .._registry.two_registries import SIDES, TwoRegistries, parse_sided
from .task import Task
from .verify_option import parse_verify

MOST_AT_A_TIME = 16  # each has threads of its own; requests are limited for all of them together
_SILENCE = frozenset({"network", "timeout", "tls"})
_BY_PROXY = frozenset({502, 503, 504})  # how a proxy answers for a registry that does not
_IN_A_ROW = 3  # images that failed by silence, with no other answer between them
_PATIENCE = 60.0  # seconds without an answer; each of the images has taken its retries


class HasStates(t.Protocol):
    """What became of an image: the states before and after, by full names, of what it has to do with."""

    @property
    def before(self) -> TagMap:
        """The states before."""

    @property
    def after(self) -> TagMap:
        """The states after."""


class Failed(t.NamedTuple):
    """A copy that failed, and the states, by full names, of what it had written by then."""

    error: RegistryError
    before: TagMap
    after: TagMap

    @property
    def changed(self) -> bool:
        """Whether it had written anything."""
        return self.before != self.after


Outcome = t.Union[Copied, Failed]
Done = t.TypeVar("Done")


def copy_images(task: Task) -> None:
    """Copy what the options name and fill the module's result; raises when all is done where an image failed."""
    params = task.params
    listed = params["images"]
    entries = [{"src": params["src"], "dest": params["dest"]}] if listed is None else listed
    copies = [_parse(params, entry, f" of entry {number} of images" if listed else "") for number, entry in enumerate(entries, 1)]
    check_destinations(copies)
    check_order(copies)
    expected = parse_expected(params["expected_digest"])
    options = CopyOptions(params["referrers"], params["existing"], expected, task.check_mode, verification=parse_verify(params))
    registries = task.connect_two([copy.source for copy in copies], [copy.destination for copy in copies])
    if listed is None:
        task.progress.name(str(copies[0].destination))
    else:
        task.progress.begin("images", len(set(copies)))
    outcomes = _run(registries, copies, options, task.progress)
    own = own_changes(outcomes)
    if listed is None:
        task.result.update(_told(copies[0], outcomes[0]))
    else:
        task.result["images"] = [_entry(*of_copy) for of_copy in zip(entries, copies, outcomes, own)]
    _note_changes(task, outcomes, own)
    task.has_written = not task.check_mode and any(outcome.changed for outcome in outcomes)
    if listed is None and isinstance(outcomes[0], Failed):
        raise outcomes[0].error
    _raise_failures(copies, outcomes)


def own_changes(outcomes: t.Sequence[HasStates]) -> list[list[str]]:
    """Return for each outcome the names of the states that it has changed, each for the first that has: images share referrers, entries name the same tag."""
    owners: dict[str, int] = {}
    for outcome in outcomes:
        for name, state in outcome.before.items():
            if outcome.after[name] != state:
                owners.setdefault(name, id(outcome))
    return [[name for name in outcome.before if owners.get(name) == id(outcome)] for outcome in outcomes]


def _note_changes(task: Task, outcomes: t.Sequence[Outcome], own: t.Sequence[t.Sequence[str]]) -> None:
    before: TagMap = {}
    after: TagMap = {}
    for outcome in outcomes:
        before.update(outcome.before)
        after.update(outcome.after)
    for outcome, names in zip(outcomes, own):
        for name in names:
            before[name], after[name] = outcome.before[name], outcome.after[name]
    task.changes(before, after)


def _parse(params: t.Mapping[str, t.Any], entry: t.Mapping[str, t.Any], where: str) -> Copy:
    for option in ("src", "dest"):
        if not entry[option]:
            raise RegistryError(f"The option {option}{where} has no value{UNSET}: give the name of an image.", "invalid_option")
    source, destination = (parse_sided(params, side, entry[side]) for side in SIDES)
    chosen = {name: (params if entry.get(name) is None else entry)[name] or () for name in ("tags", "platforms")}
    tags = destination_tags(source, destination, check_tags(chosen["tags"]))
    platforms = tuple(Platform.parse(text) for text in chosen["platforms"])
    return Copy(source, destination, tags, platforms)


def check_destinations(copies: t.Sequence[Copy], hidden: str = "") -> None:
    """Refuse two images for one tag: which of them it would be on is a matter of luck.

    ``hidden`` is what names of destinations begin with that the user has not given.
    """
    writers: dict[str, Copy] = {}
    for copy in copies:
        for tag in copy.tags:
            name = f"{copy.destination.name}:{tag}"
            other = writers.setdefault(name, copy)
            if (other.origin, other.platforms) != (copy.origin, copy.platforms):
                second = f"{copy.source}{' with other platforms' if other.origin == copy.origin else ''}"
                raise RegistryError(
                    f"The task copies both {other.source} and {second} to {name[len(hidden) :]}: give each its own tag. Nothing was copied.",
                    "invalid_option",
                )


def check_order(copies: t.Sequence[Copy]) -> None:
    """Refuse to copy what another copy of the task makes: which of them is done first is a matter of luck."""
    written = {f"{copy.destination.name}:{tag}": copy for copy in copies for tag in copy.tags}
    for copy in copies:
        first = written.get(copy.origin, copy)
        if first.origin != copy.origin:
            message = f"The task copies {first.source} to {copy.origin} and also copies from there: use two tasks. Nothing was copied."
            raise RegistryError(message, "invalid_option")


class LostHosts:
    """Registries that had enough, or do not answer any more: no further image is tried that needs one, or each would take all its retries.

    Safe for several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._heard: dict[str, float] = {}
        self._since: dict[str, float] = {}  # when the first of the images began that were not answered
        self._silent: dict[str, int] = {}
        self._lost: dict[str, RegistryError] = {}

    def attempt(
        self,
        hosts: t.Collection[str],
        work: t.Callable[[], Done],
        error_of: t.Callable[[Done], RegistryError | None],
        refuse: t.Callable[[RegistryError], Done],
    ) -> Done:
        """Return what came of ``work``, which needs ``hosts``, and take note of its error; ``refuse`` says what comes of it where one is lost."""
        begun, error = time.monotonic(), self.find(*hosts)
        if error is not None:
            return refuse(error)
        done = work()
        self.note(error_of(done), begun, *hosts)
        return done

    def find(self, *hosts: str) -> RegistryError | None:
        """Return why one of ``hosts`` is lost, None where none is."""
        return next((self._lost[host].again() for host in hosts if host in self._lost), None)

    def note(self, error: RegistryError | None, begun: float, *hosts: str) -> None:
        """Take note of how it ended with an image that needed ``hosts``: well, or with ``error``; ``begun`` is when, by ``time.monotonic``."""
        with self._lock:
            for host in hosts if error is None else [error.registry] if error.registry else []:
                if error is not None and (error.kind in _SILENCE or error.status in _BY_PROXY):
                    self._miss(host, error, begun)
                else:
                    self._heard[host], self._silent[host] = time.monotonic(), 0
            if error is not None and error.registry and error.kind == "rate_limited" and error.status == 429:
                self._lost[error.registry] = error.again()

    def _miss(self, host: str, error: RegistryError, begun: float) -> None:
        self._silent[host] = self._silent.get(host, 0) + 1
        if self._silent[host] == 1:  # before that, nobody may have asked it anything
            self._since[host] = max(begun, self._heard.get(host, begun))
        passed = time.monotonic() - self._since[host]
        if host not in self._lost and self._silent[host] >= _IN_A_ROW and passed >= _PATIENCE:
            message = f"{error.message} After {self._silent[host]} such failures in a row, no more images were tried."
            self._lost[host] = RegistryError(message, error.kind, error.status, registry=host)


class Copier:
    """Carries out copies to one registry, which are side by side: they share how many transfers there may be, and the cancellation."""

    def __init__(self, registries: TwoRegistries) -> None:
        self.cancellation = Cancellation()
        self._registries = registries
        self._shared = {"slots": threading.BoundedSemaphore(registries.concurrency), "cancellation": self.cancellation}

    def carry_out(
        self, copy: Copy, check_mode: bool, make: t.Callable[[RegistryClient], CopyTask], then: t.Callable[[Copied], None]
    ) -> Outcome:
        """Run the task that ``make`` returns for the client that writes, and ``then`` what belongs to it; a failure of either is returned."""
        task: CopyTask | None = None
        try:
            actions = ("pull",) if check_mode else ("pull", "push")
            task = make(self._registries.destination(copy.destination, *actions).with_options(**self._shared))
            copied = task.run()
            then(copied)
            return copied
        except RegistryError as error:
            return Failed(error.bare(), *(task.done() if task else ({}, {})))


def _run(registries: TwoRegistries, copies: t.Sequence[Copy], options: CopyOptions, progress: Progress) -> list[Outcome]:
    """Return what became of each copy, in order; the same one given twice is done once."""
    copier, lost = Copier(registries), LostHosts()

    def run(copy: Copy) -> Outcome:
        outcome = lost.attempt(
            (copy.source.registry, copy.destination.registry),
            lambda: carry_out(copy),
            lambda done: done.error if isinstance(done, Failed) else None,
            lambda error: Failed(error, {}, {}),
        )
        progress.finish(f"{copy.source}: {_summary(outcome)}", isinstance(outcome, Failed))
        return outcome

    def carry_out(copy: Copy) -> Outcome:
        return copier.carry_out(
            copy,
            options.check_mode,
            lambda destination: CopyTask(registries.source(copy.source), destination, copy, options),
            lambda copied: registries.budget.hold_result(copied.result, f"The result for the copy of {copy.source}"),
        )

    unique = list(dict.fromkeys(copies))
    outcomes = dict(zip(unique, fan_out(run, unique, min(registries.concurrency, MOST_AT_A_TIME), copier.cancellation)))
    return [outcomes[copy] for copy in copies]


def _summary(outcome: Outcome) -> str:
    return "failed" if isinstance(outcome, Failed) else "copied" if outcome.changed else "unchanged"


def _entry(entry: t.Mapping[str, t.Any], copy: Copy, outcome: Outcome, own: t.Sequence[str]) -> Result:
    named = {"src": entry["src"], "dest": entry["dest"]}
    how = {"changed": outcome.changed, "error": outcome.error.entry()} if isinstance(outcome, Failed) else {"changed": bool(own)}
    return {**named, **how, **_told(copy, outcome)}


def _told(copy: Copy, outcome: Outcome) -> Result:
    """Return what is told of a copy: of one that failed, the tags that it had moved, which somebody may want to move back."""
    if isinstance(outcome, Copied):
        return outcome.result
    names = {tag: f"{copy.destination.name}:{tag}" for tag in copy.tags if f"{copy.destination.name}:{tag}" in outcome.before}
    previous = {tag: outcome.before[name] for tag, name in names.items()}
    return {"tagged_images": list(names.values()), "previous": {tag: str(digest) if digest else None for tag, digest in previous.items()}}


def _raise_failures(copies: t.Sequence[Copy], outcomes: t.Sequence[Outcome]) -> None:
    failed = [(copy, outcome.error) for copy, outcome in zip(copies, outcomes) if isinstance(outcome, Failed)]
    if not failed:
        return
    first = failed[0][1]
    names = some([str(copy.source) for copy, _error in failed])
    raise first.again(f"{len(failed)} of {len(copies)} images were not copied: {names}. {first.message}")
