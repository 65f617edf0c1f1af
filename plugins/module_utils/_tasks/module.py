# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where AnsibleModule begins and ends: options, the with-block around a task, changes and diff, errors, secrets."""

from __future__ import annotations

import re
import signal
import threading
import typing as t

from ansible.module_utils.basic import AnsibleModule

from .._core.budget import Budget
from .._core.errors import RegistryError
from .._core.scrub import MASK, Scrubber
from .._core.secrets import register_secret
from .._http.auth_config import auth_config_secrets
from .._oci.reference import Digest, Reference
from .._registry.client import RegistryClient
from .._registry.connection import ConnectionOptions, Connections, Listeners
from .._registry.two_registries import SIDED, SIDES, TwoRegistries

ArgumentSpec = dict[str, dict[str, t.Any]]
Map = t.Mapping[str, t.Any]
# user:password@ before a host: no option takes it, but a task that says it must not show it. What follows the @ of an image may be a digest.
_USER_INFO = re.compile(r"(?:^|//)[^/@\s:]*:([^@\s]+)@(?!sha(?:256|512):)")
_NAMED = ("name", "src", "dest", "images", "mount_from")  # options that name images, and those that name hosts
_HOSTS = ("registry", "src_registry", "dest_registry", "auth_hosts", "allowed_hosts")
_PATHS = ("auth_file", *(f"{side}{name}" for side in ("", "src_", "dest_") for name in ("ca_path", "client_cert", "client_key")))


def connection_spec() -> ArgumentSpec:
    """Return the options that every module has; their documentation is the fragment ``_registry``."""
    return {
        "registry": {"type": "str", "aliases": ["registry_url", "url"]},
        "username": {"type": "str"},
        "password": {"type": "str", "no_log": True},
        "identity_token": {"type": "str", "no_log": True},
        "registry_token": {"type": "str", "no_log": True},
        "auth_config": {"type": "raw", "no_log": True},
        "auth_file": {"type": "path", "aliases": ["authfile", "config_path"]},
        "use_auth_file": {"type": "bool", "default": True},
        "auth_hosts": {"type": "list", "elements": "str", "default": []},
        "allowed_hosts": {"type": "list", "elements": "str", "default": []},
        "validate_certs": {"type": "bool", "default": True, "aliases": ["tls_verify", "tlsverify"]},
        "ca_path": {"type": "path", "aliases": ["ca_cert", "cacert_path", "tls_ca_cert"]},
        "client_cert": {"type": "path", "aliases": ["cert_path", "tls_client_cert"]},
        "client_key": {"type": "path", "no_log": False, "aliases": ["key_path", "tls_client_key"]},
        "plain_http": {"type": "bool", "default": False},
        "timeout": {"type": "int", "default": 60},
        "retries": {"type": "int", "default": 4},
        "concurrency": {"type": "int", "default": 6, "aliases": ["jobs"]},
    }


def two_registries_spec() -> ArgumentSpec:
    """Return the further options of modules with two registries; their documentation is the fragment ``_two_registries``."""
    plain = connection_spec()
    kept = {name: {key: value for key, value in plain[name].items() if key not in ("aliases", "default")} for name in SIDED}
    spec = {f"{side}_{name}": option for side in SIDES for name, option in kept.items()}
    for side in SIDES:
        spec[f"{side}_validate_certs"] = {**kept["validate_certs"], "aliases": [f"{side}_tls_verify"]}
    return spec


def _keep_numbers(params: dict[str, t.Any], options: ArgumentSpec) -> None:
    """Make lists of the numbers that stand where lists of tags belong: ansible-core would make text of them, and 1.10 the tag 1.1."""
    for option, settings in options.items():
        for name in (option, *settings.get("aliases", ())):
            value = params.get(name)
            if settings.get("elements") == "raw" and isinstance(value, (int, float)):
                params[name] = [value]
            if "options" in settings and isinstance(value, list):
                for entry in value:
                    if isinstance(entry, dict):
                        _keep_numbers(entry, settings["options"])


def _end(number: int, _frame: object) -> t.NoReturn:
    raise SystemExit(128 + number)


class RegistryModule(AnsibleModule):
    """A task: its body fills ``result``; leaving the with-block ends the task, with an error as one clear sentence."""

    def __init__(self, options: ArgumentSpec, **settings: t.Any) -> None:
        self.scrubber = Scrubber()
        self.budget = Budget()
        self._lock = threading.Lock()
        self._options_known = False  # then they hold no secret that is not learnt yet
        self.result: dict[str, t.Any] = {"changed": False}
        self.has_written = False  # whether a task that fails has changed something all the same
        self.done: t.Callable[[], t.Container[str]] | None = None  # for one that fails: what was done of the changes
        self._planned: tuple[Map, Map, str] = ({}, {}, "")
        self._connections: Connections | TwoRegistries | None = None
        super().__init__(argument_spec={**connection_spec(), **options}, supports_check_mode=True, **settings)
        self._learn_secrets()
        self._options_known = True

    def _load_params(self) -> None:
        """Read the options as they were given."""
        super()._load_params()
        _keep_numbers(self.params, self.argument_spec)

    def __enter__(self) -> RegistryModule:
        # Temporary files and upload sessions are given up in order when the task is ended from outside.
        signal.signal(signal.SIGTERM, _end)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        if self._connections is not None:
            self._connections.close()
        if isinstance(error, RegistryError):
            self.fail(error)
        elif isinstance(error, Exception):
            name = type(error).__name__
            self.fail(RegistryError(f"Unexpected {name}: {error}. This is a fault of the collection; please report it.", "server"))
        elif error is None:
            self.exit_json(**self.result)

    def fail(self, error: RegistryError) -> t.NoReturn:
        """End the task with the error's sentence and facts, and what ``result`` holds; of the changes only those that were ``done``."""
        if self.done is not None:
            before, after, header = self._planned
            done = self.done()
            known = [name for name, state in before.items() if name in done or state == after[name]]
            self.changes({name: before[name] for name in known}, {name: after[name] for name in known}, header)
            self.has_written = bool(self.result["changed"])
        self.result["changed"] = self.has_written
        self.fail_json(msg=error.message, error=error.facts(), **self.result)

    # Secrets: nothing leaves but through these

    def add_secret(self, secret: str) -> None:
        """Mask ``secret``, learnt while the task runs, in all that leaves."""
        self.scrubber.add(secret)
        if len(secret) >= 4:
            with self._lock:  # a new set: another thread may be reading the old one
                self.no_log_values = {*self.no_log_values, secret}
            register_secret(secret)

    def _learn_secrets(self) -> None:
        if self._options_known:
            return
        for name, option in self.argument_spec.items():
            value = self.params.get(name) if option.get("no_log") else None
            for secret in auth_config_secrets(value) if name == "auth_config" else _texts([value]):
                self.add_secret(secret)
        for text in _texts(list(self.params.values())):
            for secret in _USER_INFO.findall(text):
                self.add_secret(secret)
        for names, in_host in ((_NAMED, False), (_HOSTS, True)):
            for text in _texts([self.params.get(name) for name in names]):
                self.add_secret(_user_info(text, in_host))
        for text in _texts([self.params.get(name) for name in _PATHS]):
            self.add_secret(text if re.search(r"[{\n]|-----BEGIN", text) else "")  # the content of a file in place of its path
        for text in _texts(list(_unknown(self.params, self.argument_spec))):
            self.add_secret(text)

    def _return_formatted(self, kwargs: dict[str, t.Any]) -> None:
        """Print a result, scrubbed: what the body gave, tracebacks of ansible-core, and the options of the task."""
        self._warn_of_masked_names(kwargs)
        # A misspelt option may hold a secret.
        known = {name: _shown(value, self.argument_spec[name]) for name, value in self.params.items() if name in self.argument_spec}
        scrubbed = self.scrubber.result({"invocation": {"module_args": known}, **kwargs})
        self.no_log_values = set()  # ansible-core would mask digests and numbers, in which they occur by chance
        self.scrubber.retire()
        super()._return_formatted(scrubbed)

    def _warn_of_masked_names(self, result: Map) -> None:
        """Say that a secret occurs in the names that a task gives: results cannot be used as names then."""
        refused = (result.get("error") or {}).get("kind") in ("invalid_option", "invalid_reference")
        names = {name: self.params.get(name) for name in (*_NAMED, "tags", *_HOSTS)}
        masked = [name for name, value in names.items() if not refused and any(self.scrubber.value(text) != text for text in _texts(value))]
        if masked:
            self.warn(
                f"A secret of this task occurs in what the task gives for {', '.join(masked)}: results show {MASK} in its place, "
                "and are no use as names. Choose another secret or another name."
            )

    def fail_json(self, msg: str, **kwargs: t.Any) -> t.NoReturn:
        """End the task with an error; its ``error`` facts are always there."""
        self._learn_secrets()  # options may be refused before __init__ has come to its end
        kwargs.setdefault("error", RegistryError(msg, "invalid_option").facts())
        super().fail_json(msg=msg, **kwargs)

    def warn(self, warning: str, **kwargs: t.Any) -> None:
        """Give a warning, scrubbed."""
        super().warn(self.scrubber.shown(warning), **kwargs)

    def deprecate(
        self, msg: str, version: str | None = None, date: str | None = None, collection_name: str | None = None, **kwargs: t.Any
    ) -> None:
        """Announce that something ends, scrubbed."""
        super().deprecate(self.scrubber.shown(msg), version=version, date=date, collection_name=collection_name, **kwargs)

    def log(self, msg: str, log_args: t.Any = None) -> None:
        """Write a line to the journal of the host, scrubbed."""
        self._learn_secrets()  # the first line, with the options, comes before __init__ has come to its end
        super().log(self.scrubber.shown(msg), self.scrubber.value(log_args))

    # What a module's body uses

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
        connections = TwoRegistries(self.params, sources, destinations, self._listeners(), budget=self.budget)
        self._connections = connections
        return connections

    def _listeners(self) -> Listeners:
        return Listeners(self.add_secret, self.warn, self.log)

    def client(self, image: Reference, *actions: str) -> RegistryClient:
        """Return the client for the repository of ``image``; in check mode it asks for no more than reading."""
        wanted = ("pull",) if self.check_mode or not actions else actions
        return self.connect(image).client(image, *wanted)

    def changes(self, before: Map, after: Map, header: str = "") -> bool:
        """Note ``changed`` and the diff of two states; return whether to carry the change out (not in check mode)."""
        self._planned = (before, after, header)
        shown = [{key: _plain(value) for key, value in state.items()} for state in (before, after)]
        self.result["changed"] = shown[0] != shown[1]
        if self._diff:
            self.result["diff"] = {"before": shown[0], "after": shown[1], "before_header": header, "after_header": header}
        return bool(self.result["changed"]) and not self.check_mode


def _unknown(params: Map, options: ArgumentSpec) -> t.Iterator[t.Any]:
    """Yield the values of suboptions that there are not: a misspelt one may hold a secret."""
    for option, settings in options.items():
        for name in (option, *settings.get("aliases", ())):
            for entry in params.get(name) or () if isinstance(params.get(name), list) and "options" in settings else ():
                known = {*settings["options"], *(alias for sub in settings["options"].values() for alias in sub.get("aliases", ()))}
                if isinstance(entry, dict):
                    yield from (value for key, value in entry.items() if key not in known)


def _user_info(text: str, in_host: bool) -> str:
    """Return what stands for a secret before the last "@" that no digest follows: a password, or a token alone; "" for none."""
    before, at, host = text.rpartition("@")
    if host.startswith(("sha256:", "sha512:")):
        before, at, host = before.rpartition("@")
    user, colon, password = re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*:/+", "", before).partition(":")
    return password if colon else user if at and (in_host or "/" in host) else ""


def _texts(value: t.Any) -> t.Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield str(value)  # what ansible-core makes text of later
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _shown(value: t.Any, option: Map) -> t.Any:
    return "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER" if option.get("no_log") and value is not None else value


def _plain(value: t.Any) -> t.Any:
    return str(value) if isinstance(value, Digest) else value
