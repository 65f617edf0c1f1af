# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task of registry_preflight: are all images there, and do the credentials work? Everything that is wrong is told at once."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from .._core.errors import NotFound, RegistryError
from .._core.fanout import fan_out
from .._core.json import load_object
from .._core.scrub import cut, quoted
from .._http.auth_config import auth_config_bytes
from .._http.keychain import MAX_AUTH_FILE, normalize_key
from .._oci.platform import Platform
from .._oci.reference import Reference, split_base
from .._registry.connections import Connections
from .._registry.push_check import find_push_refusal
from .._registry.registry_check import look_at_registry
from .entries import gather, parse_entry
from .options import ArgumentSpec
from .task import Task
from .verify_option import VERIFY, parse_verify

if t.TYPE_CHECKING:
    from .._registry.verification import Verification

OPTIONS: ArgumentSpec = {
    "images": {"type": "list", "elements": "raw", "required": True},
    "platforms": {"type": "list", "elements": "raw", "default": []},
    "push_to": {"type": "list", "elements": "raw"},
    "problems": {"type": "str", "choices": ["fail", "report"], "default": "fail"},
    **VERIFY,
}
_ENTRY = {"name": "text", "platforms": "texts"}
_BEFORE_HOST = re.compile(r"^.*@(?=.*/)", re.DOTALL)
_COUNTED = {
    "missing": ("image is missing", "images are missing"),
    "unknown": ("check failed", "checks failed"),
    "credentials": ("login does not work", "logins do not work"),
    "push_refused": ("repository refuses a push", "repositories refuse a push"),
    "unverified": ("image is not verified", "images are not verified"),
}
Problem = tuple[str, str]  # the list of the report that it belongs to, and the sentence


@dataclass(frozen=True)
class _Wanted:
    """An image, and the platforms that it must have."""

    name: str
    platforms: tuple[Platform, ...]

    def names(self) -> list[str]:
        """Return how the report names the image, once for each platform."""
        shown = _shown(self.name)
        return [f"{shown} for {platform}" for platform in self.platforms] or [shown]


@dataclass
class _Checks:
    """What looks for problems: each check returns those that it finds."""

    task: Task
    connections: Connections
    verification: Verification | None
    pending: list[t.Callable[[], list[Problem]]] = field(default_factory=list)

    def add_image(self, wanted: _Wanted, image: Reference) -> None:
        """Look for an image and its platforms, and for its signatures."""
        self.pending.append(lambda: self._look_for(wanted, image))

    def add_login(self, key: str) -> None:
        """Try the credentials of an entry of ``auth_config``."""
        self.pending.append(lambda: self._log_in(key))

    def add_push(self, name: str, repository: Reference) -> None:
        """Find out whether the credentials may push to a repository."""
        self.pending.append(lambda: self._try_push(name, repository))

    def _look_for(self, wanted: _Wanted, image: Reference) -> list[Problem]:
        client = self.connections.client(image)
        problems: list[Problem] = []
        try:
            if not wanted.platforms:
                digest = client.get_digest(image.identifier)
            else:
                manifest = client.get_manifest(image.identifier)
                digest = manifest.digest
        except NotFound:
            return [("missing", name) for name in wanted.names()]
        except RegistryError as error:
            return [("unknown", f"{_shown(wanted.name)}: {error.message}")]
        for platform, name in zip(wanted.platforms, wanted.names()):
            try:
                client.choose(manifest, platform, image.identifier)
            except NotFound:
                problems.append(("missing", name))
            except RegistryError as error:
                problems.append(("unknown", f"{name}: {error.message}"))
        if self.verification is not None:
            try:
                reasons = [one.reason for one in self.verification.examine(client, digest) if one.reason]
            except RegistryError as error:
                return [*problems, ("unknown", f"the signatures of {_shown(wanted.name)}: {error.message}")]
            problems += [("unverified", f"{_shown(wanted.name)}: {reason}") for reason in reasons[:1]]
        return problems

    def _log_in(self, key: str) -> list[Problem]:
        try:
            host, prefix = split_base(normalize_key(key))
            look_at_registry(self.connections.connection(host).exchange, prefix)
        except RegistryError as error:
            return [("credentials", f"{cut(_shown(key), 300)}: {error.message}")]
        return []

    def _try_push(self, name: str, repository: Reference) -> list[Problem]:
        try:
            refusal = find_push_refusal(self.connections.client(repository))
        except RegistryError as error:
            return [("unknown", f"push rights for {_shown(name)}: {error.message}")]
        return [("push_refused", f"{_shown(name)}: {refusal.message}")] if refusal else []

    def run(self) -> list[Problem]:
        """Make all checks, several at a time, and return what they find in order."""
        found = fan_out(
            self.task.progress.each("checks", len(self.pending), lambda check: check()), self.pending, self.connections.concurrency
        )
        return [problem for problems in found for problem in problems]


def _shown(name: str) -> str:
    """Return a name without what may be a password before its host."""
    return _BEFORE_HOST.sub("", name)


def _parse_platform(text: t.Any, where: str) -> Platform:
    if not isinstance(text, str):
        raise RegistryError(f"The {where} is {quoted(text, 60)}: it must be a string such as linux/amd64.", "invalid_option")
    try:
        return Platform.parse(text)
    except RegistryError as error:
        raise RegistryError(f"The {where} is invalid: {error.message}", error.kind) from None


def _parse_image(given: t.Any, number: int) -> tuple[str, tuple[Platform, ...] | None]:
    entry = parse_entry(given, f"entry {number} of images", "name", _ENTRY)
    own = entry["platforms"]
    where = f"platform of entry {number} of images"
    return entry["name"], None if own is None else tuple(_parse_platform(text, where) for text in own)


def _parse_push(given: t.Any) -> str:
    if not isinstance(given, str) or not given:
        raise RegistryError(f"An entry of push_to is {quoted(given, 60)}: it must be the name of a repository.", "invalid_option")
    return given


def _parse_lists(task: Task) -> tuple[list[_Wanted], list[str]]:
    """Return the images with their platforms, and the repositories to push to; raises all that is wrong with the lists."""
    params = task.params
    images: list[tuple[str, tuple[Platform, ...] | None]] = []
    platforms: list[Platform] = []
    pushes: list[str] = []
    parsers: list[t.Callable[[], None]] = [
        *(lambda text=text: platforms.append(_parse_platform(text, "option platforms")) for text in params["platforms"]),
        *(
            lambda given=given, number=number: images.append(_parse_image(given, number))
            for number, given in enumerate(params["images"], 1)
        ),
        *(lambda given=given: pushes.append(_parse_push(given)) for given in params["push_to"] or ()),
    ]
    try:
        gather(lambda _number, parse: parse(), parsers)
    except RegistryError as error:
        raise RegistryError(f"Nothing was checked, because the lists are invalid. {error.message}", error.kind) from None
    return [_Wanted(name, tuple(platforms) if own is None else own) for name, own in images], pushes


def _auth_keys(task: Task) -> list[str]:
    """Return the hosts, or paths on them, that ``auth_config`` has credentials for."""
    given = task.params["auth_config"]
    raw = auth_config_bytes(given) if given is not None else b""
    document = load_object(raw, MAX_AUTH_FILE, "The option auth_config", "credentials") if raw.strip() else {}
    auths = document.get("auths")
    return [key for key, entry in auths.items() if entry] if isinstance(auths, dict) else []


def _reference(task: Task, name: str) -> Reference | RegistryError:
    try:
        return task.reference(name)
    except RegistryError as error:
        return error


def _repository(task: Task, name: str) -> Reference | RegistryError:
    found = _reference(task, name)
    if isinstance(found, Reference) and (found.tag or found.digest):
        return RegistryError(f"{found} names a tag or digest: push_to takes repositories.", "invalid_reference")
    return found


def run(task: Task) -> None:
    """Run the task."""
    wanted, pushes = _parse_lists(task)
    verification = parse_verify(task.params)
    keys = _auth_keys(task)
    images = [(one, _reference(task, one.name)) for one in wanted]
    repositories = [(name, _repository(task, name)) for name in pushes]
    known = [found for _what, found in (*images, *repositories) if isinstance(found, Reference)]
    checks = _Checks(task, task.connect(*known), verification)
    problems: list[Problem] = []
    for key in keys:
        checks.add_login(key)
    for one, image in images:
        if isinstance(image, Reference):
            checks.add_image(one, image)
        else:
            problems.append(("unknown", f"{_shown(one.name)}: invalid name: {image.message}"))
    for name, repository in repositories:
        if not isinstance(repository, Reference):
            problems.append(("unknown", f"{_shown(name)}: invalid name: {repository.message}"))
        elif not task.check_mode:
            checks.add_push(name, repository)
    problems += checks.run()
    _report(task, problems, sum(len(one.names()) for one in wanted))


def _report(task: Task, problems: t.Sequence[Problem], looked_for: int) -> None:
    """Fill the result, and fail where there is a problem and the task does not only report."""
    lists = ["missing", "unknown", "credentials"]
    lists += ["push_refused"] if task.params["push_to"] is not None else []
    lists += ["unverified"] if task.params["verify"] is not None else []
    report = {name: [text for where, text in problems if where == name] for name in lists}
    task.budget.hold_result(report, "The report")
    task.result.update(report={"looked_for": looked_for, **report}, passed=not problems)
    if not problems:
        return
    counts = ", ".join(f"{len(texts)} {_COUNTED[name][len(texts) > 1]}" for name, texts in report.items() if texts)
    message = f"The preflight found problems: {counts}. The first one is: {problems[0][1]}"
    if task.params["problems"] == "fail":
        raise RegistryError(message, "precondition")
    task.result["msg"] = message
