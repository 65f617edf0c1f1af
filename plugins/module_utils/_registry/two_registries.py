# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task between registries: what is meant for its sources and what for its destinations, and that the two never meet."""

from __future__ import annotations

import copy
import typing as t
from dataclasses import replace

from .._core.budget import Budget
from .._core.errors import RegistryError
from .._http.credentials import LOGIN_OPTIONS, TLS_FILES, explicit, refuse_empty
from .._oci.reference import Reference, split_base
from .client import RegistryClient
from .connections import ConnectionOptions, Connections, Listeners
from .login_advice import OptionForms

SIDES = ("src", "dest")
_CERTIFICATE = ("client_cert", "client_key")
_OWNED = {"credentials": LOGIN_OPTIONS, "a client certificate": _CERTIFICATE, "plain_http": ("plain_http",)}
_DEFAULTED = ("validate_certs", "ca_path")
# The options that have a form for each side; all others hold for both.
SIDED = ("registry", *LOGIN_OPTIONS, *_CERTIFICATE, "plain_http", *_DEFAULTED)


def parse_sided(options: t.Mapping[str, t.Any], side: str, name: str) -> Reference:
    """Return the image that ``name`` says on one side: relative to ``src_registry`` or ``dest_registry``, else to ``registry``.

    Beside ``registry``, which both sides share, a name that begins with a host stands for itself.
    """
    option = f"{side}_registry"
    if options.get(option) is not None:
        return Reference.parse(name, options[option], option)
    return Reference.parse_beside(name, options["registry"])


class TwoRegistries:
    """The registries of a task's ``sources`` and ``destinations``, one connection for each that is used in one way.

    ``src_`` and ``dest_`` options are for one side. Credentials, a client certificate and ``plain_http`` without such a prefix
    are for the host that ``registry`` names, without it for the only host that all images are in.
    """

    def __init__(
        self,
        options: t.Mapping[str, t.Any],
        sources: t.Iterable[Reference],
        destinations: t.Iterable[Reference],
        listeners: Listeners | None = None,
        environ: t.Mapping[str, str] | None = None,
        budget: Budget | None = None,
    ) -> None:
        self.budget = budget or Budget()
        self._options = options
        refuse_empty(
            options,
            ("auth_config", "auth_file", *(f"{side}{name}" for side in ("", "src_", "dest_") for name in (*LOGIN_OPTIONS, *TLS_FILES))),
        )
        refuse_empty(options, [f"{side}_registry" for side in SIDES])
        self._hosts = {side: sorted({image.registry for image in images}) for side, images in zip(SIDES, (sources, destinations))}
        for side in SIDES:
            self._check_side(side, self._hosts[side])
        self._check_plain()
        self._made: list[tuple[ConnectionOptions, Connections]] = []
        listeners = _heard_once(listeners or Listeners())
        self._connections = {(side, host): self._connect(side, host, listeners, environ) for side in SIDES for host in self._hosts[side]}

    def _owner(self, names: t.Sequence[str]) -> str | None:
        """Return the host that the options ``names`` without a prefix are for, None where nothing says it.

        Beside those for the sources, in a module that has none for the destination, they are for the destination.
        """
        if self._options.get("registry") is not None:
            return split_base(self._options["registry"])[0]
        is_one_sided = "dest_registry" not in self._options and self._given(names, "src_")
        meant = set(self._hosts["dest"]) if is_one_sided else {host for side in SIDES for host in self._hosts[side]}
        return next(iter(meant)) if len(meant) == 1 else None

    def _given(self, names: t.Iterable[str], prefix: str = "") -> dict[str, t.Any]:
        found = {name: self._options.get(f"{prefix}{name}") for name in names}
        return {name: value for name, value in found.items() if value not in (None, "")}

    def _check_side(self, side: str, hosts: t.Sequence[str]) -> None:
        prefix = f"{side}_"
        for what, names in (("credentials", LOGIN_OPTIONS), ("a client certificate", _CERTIFICATE)):
            if len(hosts) > 1 and self._given(names, prefix):
                others = ", or give the credentials of each registry in auth_file or auth_config" if names is LOGIN_OPTIONS else ""
                raise RegistryError(
                    f"The task sets {what} with {prefix} options, but its images on that side are in several registries ({', '.join(hosts)}): "
                    f"use images of one registry{others}.",
                    "invalid_option",
                )
        explicit(self._options, prefix)
        certificate = self._given(_CERTIFICATE, prefix)
        if certificate and "client_cert" not in certificate:
            raise RegistryError(f"The task sets {prefix}client_key without {prefix}client_cert: set both.", "invalid_option")

    def _check_plain(self) -> None:
        """Refuse what has no prefix where nothing says which of the registries it is for."""
        for what, names in _OWNED.items():
            if self._owner(names) is not None or not any(self._hosts.values()):
                continue
            given = self._given(names)
            if any(given.values()) and not all(self._has_own(side, names) for side in SIDES):
                reached = ", ".join(sorted({host for side in SIDES for host in self._hosts[side]}))
                forms = " and ".join(form for form in (f"{side}_{next(iter(given))}" for side in SIDES) if form in self._options)
                others = ", or give the credentials of each registry in auth_file or auth_config" if names is LOGIN_OPTIONS else ""
                raise RegistryError(
                    f"The task sets {what}, but its images are in several registries ({reached}): "
                    f"set registry to the host that this is for, or use {forms}{others}.",
                    "invalid_option",
                )

    def _has_own(self, side: str, names: t.Iterable[str]) -> bool:
        return bool(self._given(names, f"{side}_"))

    def _resolve(self, side: str, host: str) -> ConnectionOptions:
        """Return the connection options for a host as one side reaches it."""
        resolved = {name: value for name, value in self._options.items() if name not in SIDED or name in _DEFAULTED}
        resolved.update(self._given(_DEFAULTED, f"{side}_"))
        for names in _OWNED.values():
            own = self._given(names, f"{side}_")
            resolved.update(own or (self._given(names) if host == self._owner(names) else {}))
        return ConnectionOptions.parse({**resolved, "registry": host})

    def _connect(self, side: str, host: str, listeners: Listeners, environ: t.Mapping[str, str] | None) -> Connections:
        options = self._resolve(side, host)
        for known, made in self._made:
            if known == options:
                return made
        made = Connections(options, (), listeners, environ, self.budget, self._forms(host, options))
        self._made.append((options, made))
        made.connection(host)  # what is wrong with the options is found before any request
        return made

    def _forms(self, host: str, options: ConnectionOptions) -> OptionForms:
        """Return by which options the task can give more for ``host`` on all sides that reach it with these ``options``."""
        sides = [side for side in SIDES if host in self._hosts[side] and self._resolve(side, host) == options]
        login = self._form(host, sides, {"username": "user", "password": "password"})
        plain = self._form(host, sides, {"plain_http": True})
        return OptionForms(login, f"{plain or ''}plain_http")

    def _form(self, host: str, sides: t.Sequence[str], values: t.Mapping[str, t.Any]) -> str | None:
        """Return the beginning of the options that would give ``values`` to ``host`` on these sides, found by trying; None where none would."""
        for prefix in ("", *(f"{side}_" for side in SIDES)):
            trial = copy.copy(self)
            others = {f"{prefix}{name}": None for name in LOGIN_OPTIONS} if "username" in values else {}
            trial._options = {**self._options, **others, **{f"{prefix}{name}": value for name, value in values.items()}}
            if f"{prefix}{next(iter(values))}" in self._options and trial._gives(host, sides, values):
                return prefix
        return None

    def _gives(self, host: str, sides: t.Sequence[str], values: t.Mapping[str, t.Any]) -> bool:
        try:
            for side in SIDES:
                self._check_side(side, self._hosts[side])
            self._check_plain()
            resolved = [self._resolve(side, host) for side in sides]
        except RegistryError:
            return False
        return all(getattr(options, name) == value for options in resolved for name, value in values.items())

    @property
    def concurrency(self) -> int:
        """How many requests at a time are sent to one registry."""
        return ConnectionOptions.parse(self._options).concurrency

    def source(self, image: Reference) -> RegistryClient:
        """Return the client that reads the image's repository."""
        return self._connections["src", image.registry].client(image)

    def destination(self, image: Reference, *actions: str) -> RegistryClient:
        """Return the client for the repository that the image goes to."""
        return self._connections["dest", image.registry].client(image, *actions)

    def close(self) -> None:
        """Close all connections."""
        for _options, made in self._made:
            made.close()


def _heard_once(listeners: Listeners) -> Listeners:
    """Return listeners that pass each warning on once: several connections may have the same to say."""
    heard: set[str] = set()

    def warn(text: str) -> None:
        if text not in heard:
            heard.add(text)
            listeners.on_warning(text)

    return replace(listeners, on_warning=warn)
