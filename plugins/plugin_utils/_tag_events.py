# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The event source registry_tags: its options, and the loop that checks tags and puts events."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import threading
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ..module_utils._core.errors import RegistryError
from ..module_utils._core.patterns import Selection
from ..module_utils._core.scrub import Scrubber, quoted
from ..module_utils._oci.reference import Reference
from ..module_utils._oci.versions import VersionRange
from ..module_utils._tasks.options import ArgumentSpec, connection_spec, find_secrets
from ..module_utils._tasks.shapes import wrong_shape
from ..module_utils._tasks.task import Front, Task
from ._arguments import fault, file_options, plain, validate
from ._tag_watch import Check, Event, TagWatch

OPTIONS: ArgumentSpec = {
    "images": {"type": "raw"},
    "repository": {"type": "str"},
    "include": {"type": "raw", "default": []},
    "exclude": {"type": "raw", "default": []},
    "semver": {"type": "raw"},
    "interval": {"type": "int", "default": 60},
    **connection_spec(),
}
_RULES = {"mutually_exclusive": [("images", "repository")], "required_one_of": [("images", "repository")]}
_LONGEST_BACKOFF = 300.0
_LONGEST_WAIT = 86400.0  # for a registry that asks for it: some ask for centuries
_FATAL = ("invalid_option", "invalid_reference")  # the source can never work: say so at once instead of at every check
_MOST_WARNINGS = 100
_TEMPLATE = re.compile(r"\{(?=[{%#])")
_log = logging.getLogger("ocitools.registry.registry_tags")

Params = dict[str, t.Any]


class Queue(t.Protocol):
    """Where ansible-rulebook takes events from."""

    async def put(self, data: Event) -> None:
        """Put one event."""


@dataclass(frozen=True)
class Pace:
    """How to wait between checks: ``sleep`` for some seconds, which ``jitter`` is multiplied with."""

    sleep: t.Callable[[float], t.Awaitable[object]] = asyncio.sleep
    jitter: t.Callable[[], float] = lambda: random.uniform(0.9, 1.1)


class _Warnings:
    """Logs each warning once, and only so many."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def give(self, text: str) -> None:
        """Log a warning."""
        if text not in self._given and len(self._given) < _MOST_WARNINGS:
            self._given.add(text)
            _log.warning("%s", text)


class _Source:
    """The checked options; every check runs as a task of its own, so that nothing it learns outlives it."""

    def __init__(self, given: t.Mapping[str, t.Any]) -> None:
        self._params = _check_options(given)
        self._warnings = _Warnings()
        self._stop = threading.Event()
        self._tasks: list[Task] = []  # that run
        self.interval: int = self._params["interval"]
        self._names: list[Reference] = []
        self.watches: list[TagWatch] = []
        result = self._run(self._prepare)
        if result.get("failed") and result["error"]["kind"] in _FATAL:
            raise ValueError(result["msg"])

    def _prepare(self, task: Task) -> None:
        params = self._params
        if not 1 <= self.interval <= 86400:
            raise RegistryError(f"The option interval is {self.interval}: it must be from 1 to 86400 seconds.", "invalid_option")
        if params["repository"] is not None:
            self._names = [_repository(task)]
            self.watches = [TagWatch((), self._stop, self._names[0], _selection(params))]
        else:
            self._names = _images(task)
            hosts = dict.fromkeys(image.registry for image in self._names)
            self.watches = [TagWatch([image for image in self._names if image.registry == host], self._stop) for host in hosts]
        task.connect(*self._names)

    def check(self, watch: TagWatch) -> Check:
        """Check the tags of one registry; an error is an event."""
        found: list[Check] = []
        result = self._run(lambda task: found.append(watch.check(task.connect(*self._names))), found)
        if result.get("failed"):
            facts = result["error"]
            found = [watch.fail(RegistryError(result["msg"], facts["kind"], registry=facts["registry"], reference=facts["reference"]))]
        return found[0]

    def _run(self, body: t.Callable[[Task], None], found: t.Sequence[Check] = ()) -> dict[str, t.Any]:
        """Run ``body`` as a task; secrets are masked in its result, and in the events of the checks that it ``found``."""
        scrubber = Scrubber()
        try:
            for secret in find_secrets(self._params, OPTIONS):
                scrubber.add(secret)
            front = Front(self._warnings.give, lambda text: _log.debug("%s", text), lambda secret: None, str, lambda path: file_options({}))
            result = self._carry_out(Task(self._params, front, scrubber), body)
            for check in found:
                check.events[:] = [scrubber.result(event) for event in check.events]
            return t.cast("dict[str, t.Any]", scrubber.result(result))
        finally:
            scrubber.retire()

    def _carry_out(self, task: Task, body: t.Callable[[Task], None]) -> dict[str, t.Any]:
        self._tasks.append(task)
        try:
            if self._stop.is_set():
                task.interruption.set()
            return task.run(body)
        finally:
            self._tasks.remove(task)

    def stop(self) -> None:
        """End the checks that run: they send no further request, and wait for no answer; Python itself waits for their threads."""
        self._stop.set()
        for task in tuple(self._tasks):
            task.interruption.set()


def _check_options(given: t.Mapping[str, t.Any]) -> Params:
    options = {name: value for name, value in plain(given).items() if name != "eda_feedback_queue"}
    wrong = wrong_shape(options, OPTIONS)
    validation = validate({} if wrong else options, OPTIONS, _RULES)
    params: Params = options if wrong else validation.validated_parameters
    wrong = wrong or fault(validation, "registry_tags", "event source")
    if wrong:
        scrubber = Scrubber()
        for secret in find_secrets(params, OPTIONS):
            scrubber.add(secret)
        scrubber.retire()
        raise ValueError(scrubber.shown(f"The event source registry_tags cannot start: {wrong}"))
    return params


def _repository(task: Task) -> Reference:
    image = task.reference(task.params["repository"])
    if image.tag or image.digest:
        raise RegistryError(f"The option repository is {image}: leave out the tag and digest, or use images.", "invalid_reference")
    return image


def _selection(params: Params) -> t.Callable[[str], bool]:
    """Return what tells whether a tag is watched."""
    selection = Selection.parse(params["include"], params["exclude"])
    versions = None if params["semver"] is None else VersionRange.parse(params["semver"])
    return lambda tag: selection.has(tag) and (versions is None or versions.has(tag))


def _images(task: Task) -> list[Reference]:
    """Return the images, each once, with their tags."""
    for name in ("include", "exclude", "semver"):
        if task.params[name]:
            raise RegistryError(f"The option {name} requires repository.", "invalid_option")
    given = task.params["images"]
    if not isinstance(given, list) or not given:
        raise RegistryError("The option images must be a list of at least one image.", "invalid_option")
    images: dict[Reference, None] = {}
    for number, name in enumerate(given, 1):
        if not isinstance(name, str):
            raise RegistryError(f"Entry {number} of images is {quoted(name, 100)}: it must be the name of an image.", "invalid_option")
        image = task.reference(name)
        if image.digest:
            raise RegistryError(
                f"Entry {number} of images, {image}, has a digest, which never changes: leave out the digest.", "invalid_option"
            )
        images[image.with_tag(image.identifier)] = None
    return list(images)


async def watch_tags(queue: Queue, args: t.Mapping[str, t.Any], pace: Pace | None = None) -> None:
    """Watch until cancelled. Raises ``ValueError`` for options that can never work, before any request."""
    source = _Source(args)
    # Those of the loop are few, and not for those who wait for a registry.
    threads = ThreadPoolExecutor(len(source.watches), "registry_tags")
    try:
        await asyncio.gather(*(_follow(source, watch, queue, pace or Pace(), threads) for watch in source.watches))
    finally:
        source.stop()
        threads.shutdown(wait=False)


async def _follow(source: _Source, watch: TagWatch, queue: Queue, pace: Pace, threads: ThreadPoolExecutor) -> None:
    delay = float(source.interval)
    while True:
        check = await asyncio.get_running_loop().run_in_executor(threads, source.check, watch)
        for event in check.events:
            await queue.put(_without_templates(event))
        delay = min(delay * 2, max(source.interval, _LONGEST_BACKOFF)) if check.is_outage else float(source.interval)
        await pace.sleep(max(delay * pace.jitter(), min(check.retry_after, _LONGEST_WAIT)))


def _without_templates(value: t.Any) -> t.Any:
    """Return an event in which no text can be a template: ansible-rulebook hands events to playbooks as extra variables, which Ansible trusts."""
    if isinstance(value, dict):
        return {key: _without_templates(item) for key, item in value.items()}
    return _TEMPLATE.sub("{ ", value) if isinstance(value, str) else value
