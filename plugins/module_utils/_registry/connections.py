# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From options to clients: whose credentials go where, what is trusted, and one connection for each registry."""

from __future__ import annotations

import os
import threading
import typing as t
from dataclasses import dataclass, field

from .._core.budget import Budget
from .._core.errors import RegistryError
from .._core.progress import Progress
from .._http.auth import Authenticator
from .._http.credentials import LOGIN_OPTIONS, TLS_FILES, Credentials, explicit, from_environment, refuse_empty
from .._http.exchange import Exchange
from .._http.origin import Origin, Trust
from .._http.tls import TlsOptions
from .._http.transport import Transport
from .._oci.host import parse_host
from .._oci.reference import Reference, split_base
from .capabilities import Capabilities
from .client import RegistryClient
from .login_advice import OptionForms, advise_login
from .transfer_options import Connection, TransferOptions

if t.TYPE_CHECKING:
    from .._http.keychain import Keychain


def _ignore(_text: str) -> None:
    """Take what nobody wants to hear."""


@dataclass(frozen=True)
class Listeners:
    """Where secrets, warnings and log lines go, and who counts progress."""

    on_secret: t.Callable[[str], None] = _ignore
    on_warning: t.Callable[[str], None] = _ignore
    on_log: t.Callable[[str], None] = _ignore
    progress: Progress = field(default_factory=Progress)


@dataclass(frozen=True)
class ConnectionOptions:
    """The options of the documentation fragment, with their defaults."""

    registry: str | None = None
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    identity_token: str | None = field(default=None, repr=False)
    registry_token: str | None = field(default=None, repr=False)
    auth_config: str | t.Mapping[str, t.Any] | None = field(default=None, repr=False)
    auth_file: str | None = None
    use_auth_file: bool = True
    auth_hosts: t.Sequence[str] = ()
    allowed_hosts: t.Sequence[str] = ()
    validate_certs: bool = True
    ca_path: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    plain_http: bool = False
    timeout: int = 60
    retries: int = 4
    concurrency: int = 6

    @classmethod
    def parse(cls, options: t.Mapping[str, t.Any]) -> ConnectionOptions:
        """Return the connection options among ``options``; None means the default. Raises ``invalid_option``."""
        refuse_empty(options, (*LOGIN_OPTIONS, *TLS_FILES, "auth_config", "auth_file"))
        known = {name: options[name] for name in cls.__dataclass_fields__ if options.get(name) is not None}
        parsed = cls(**known)
        for name, least, most in (("timeout", 1, 86400), ("retries", 0, 100), ("concurrency", 1, 64)):
            value = getattr(parsed, name)
            if not least <= value <= most:
                raise RegistryError(f"The option {name} is {value}: it must be from {least} to {most}.", "invalid_option")
        return parsed

    def credentials(self) -> Credentials | None:
        """Return the credentials that the task itself gives."""
        return explicit({name: getattr(self, name) for name in LOGIN_OPTIONS})


class Connections:
    """The registries that one task talks to.

    ``names`` are the images of the task: credentials and a client certificate given by the task are for one registry, the
    one that the option ``registry`` names, else the only one that the names reach. ``forms`` says by which options the task
    gives what is for a registry, where that is not so.
    """

    def __init__(
        self,
        options: ConnectionOptions,
        names: t.Iterable[Reference] = (),
        listeners: Listeners | None = None,
        environ: t.Mapping[str, str] | None = None,
        budget: Budget | None = None,
        forms: OptionForms | None = None,
    ) -> None:
        self.budget = budget or Budget()
        self._forms = forms
        self._options = options
        self._listeners = listeners or Listeners()
        self._environ = os.environ if environ is None else environ
        self._explicit = options.credentials()
        self._tls = TlsOptions(options.validate_certs, options.ca_path, options.client_cert, options.client_key)
        self._own = self._own_host({name.registry for name in names})
        self._auth_hosts = frozenset(_check_hosts(options.auth_hosts, "auth_hosts"))
        self._allowed_hosts = frozenset(_check_hosts(options.allowed_hosts, "allowed_hosts"))
        self._keychain: Keychain | None = None  # made when a registry is connected to that the task gives no credentials for
        self._connections: dict[str, Connection] = {}
        self._lock = threading.Lock()
        for secret in self._explicit.secrets() if self._explicit else ():
            self._listeners.on_secret(secret)

    def _own_host(self, hosts: set[str]) -> str | None:
        if self._options.registry is not None:
            return split_base(self._options.registry)[0]
        if len(hosts) > 1 and (self._explicit or self._options.client_cert):
            what = "credentials" if self._explicit else "a client certificate"
            way = ", or give the credentials of each registry in auth_file or auth_config" if self._explicit else ""
            raise RegistryError(
                f"The task sets {what}, but its images are in several registries ({', '.join(sorted(hosts))}): "
                f"use images of one registry, which you can name in registry{way}.",
                "invalid_option",
            )
        return next(iter(hosts)) if len(hosts) == 1 else None

    @property
    def progress(self) -> Progress:
        """What counts how far the task has come."""
        return self._listeners.progress

    @property
    def concurrency(self) -> int:
        """How many requests at a time are sent to one registry."""
        return self._options.concurrency

    def client(self, image: Reference, *actions: str) -> RegistryClient:
        """Return the client for the image's repository; ``actions`` (pull without any) go into its first token."""
        return RegistryClient(self.connection(image.registry), image.repository, actions or ("pull",))

    def connection(self, registry: str) -> Connection:
        """Return the one connection to ``registry``."""
        with self._lock:
            if registry not in self._connections:
                self._connections[registry] = self._connect(registry)
            return self._connections[registry]

    def _connect(self, registry: str) -> Connection:
        options, listeners = self._options, self._listeners
        trust = Trust(Origin.of_registry(registry, options.plain_http), self._auth_hosts, self._allowed_hosts)
        tls = self._tls if registry == self._own else TlsOptions(options.validate_certs, options.ca_path)
        if not options.validate_certs and not options.plain_http:
            listeners.on_warning(f"The TLS certificate of {registry} is not verified, because validate_certs is false.")
        forms = self._forms or OptionForms("" if registry == self._own else None)
        advice = advise_login(registry, forms, options.auth_config, options.use_auth_file, self._environ)
        transport = Transport(trust, tls, options.timeout, options.concurrency, listeners.on_secret, self.budget, forms.plain_http)
        authenticator = Authenticator(transport, options.retries, listeners.on_secret, listeners.on_warning, advice)
        exchange = Exchange(registry, transport, authenticator, self._finder(registry), options.retries, listeners.on_warning, advice)
        transfer = TransferOptions(options.concurrency, options.retries, on_log=listeners.on_log, progress=listeners.progress)
        return Connection(exchange, Capabilities(), transfer)

    def _finder(self, registry: str) -> t.Callable[[str], Credentials | None]:
        if self._explicit is not None and registry == self._own:
            return lambda repository: self._explicit
        keychain = self._find_keychain()

        def find(repository: str) -> Credentials | None:
            found = from_environment(self._environ, registry) if self._explicit is None else None
            if found is None:
                return keychain.find(registry, repository)
            for secret in found.secrets():
                self._listeners.on_secret(secret)
            return found

        return find

    def _find_keychain(self) -> Keychain:
        """Return where credentials are looked for that the task does not give itself."""
        if self._keychain is None:
            from .._http.keychain import Keychain

            options, listeners = self._options, self._listeners
            self._keychain = Keychain(
                options.auth_config,
                options.auth_file,
                options.use_auth_file,
                self._environ,
                on_secret=listeners.on_secret,
                on_warning=listeners.on_warning,
            )
        return self._keychain

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections.values():
            connection.exchange.transport.close()


def _check_hosts(hosts: t.Sequence[str], option: str) -> t.Iterator[str]:
    for host in hosts:
        try:
            yield parse_host(host)
        except RegistryError as error:
            raise RegistryError(f"The option {option} has an entry that is not host[:port]: {error.message}", "invalid_option") from None
