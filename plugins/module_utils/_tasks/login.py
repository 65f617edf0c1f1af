# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task of registry_login: write credentials into an auth file, or remove them."""

from __future__ import annotations

import os

from .._core.errors import RegistryError
from .._http.auth_document import DOCKERS, AuthDocument, Changed
from .._http.credentials import LOGIN_OPTIONS, Credentials, explicit, from_environment, refuse_empty
from .._http.keychain import default_paths, named_path
from .._oci.reference import split_base
from .._registry.connections import ConnectionOptions
from .._registry.registry_check import check_credentials
from .auth_file import AuthFilePlace
from .options import ArgumentSpec
from .task import Task

OPTIONS: ArgumentSpec = {
    "registry": {"type": "str", "required": True, "aliases": ["registry_url", "url"]},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "check_credentials": {"type": "bool", "default": True},
}


def _path(task: Task) -> str:
    refuse_empty(task.params, ("auth_file",))
    named = task.params["auth_file"] or named_path(os.environ)
    return str(named or default_paths(os.environ)[0])


def _credentials(task: Task, host: str) -> Credentials:
    """Return the credentials that are to be written, which the file must be able to hold."""
    refuse_empty(task.params, LOGIN_OPTIONS)
    found = explicit(task.params) or from_environment(os.environ, host)
    if found is None or found.registry_token:
        why = "a registry_token is only valid for minutes" if found else "there are no credentials to write"
        raise RegistryError(f"{why[0].upper()}{why[1:]}: give username and password, or identity_token.", "invalid_option")
    for secret in found.secrets():
        task.add_secret(secret)
    if ":" in found.username or "\0" in f"{found.username}{found.password}":
        raise RegistryError(
            "The user name contains a colon, or the user name or password contains a null character: auth files cannot store them.",
            "invalid_option",
        )
    return found


def _verify(task: Task, host: str, namespace: str) -> bool:
    """Return whether the registry took the credentials; wrong ones are an error."""
    taken = check_credentials(task.connect().connection(host).exchange, namespace)
    if not taken:
        task.warn(f"{host} allows anonymous access, so the credentials were not checked.")
    return taken


def run(task: Task) -> None:
    """Run the task."""
    params = task.params
    host, namespace = split_base(params["registry"])
    path = _path(task)
    is_dockers = os.path.basename(path) == DOCKERS
    credentials = _credentials(task, host) if params["state"] == "present" else None
    if credentials is not None:
        ConnectionOptions.parse(params)
    if credentials is not None and is_dockers and namespace:
        raise RegistryError(
            f"{path} is an auth file of Docker, which has credentials only for hosts: leave out /{namespace} in registry, or set "
            "auth_file to another file.",
            "invalid_option",
        )
    key = ""

    def edit(document: AuthDocument) -> Changed:
        nonlocal key
        document.check_store(host)
        key = document.key(host, namespace, is_dockers)
        return document.without_entry(key) if credentials is None else document.with_entry(key, credentials)

    place = AuthFilePlace(path, task.warn)
    planned = place.plan(edit)
    taken = _verify(task, host, namespace) if credentials is not None and params["check_credentials"] else None
    before = _shown(credentials) if not planned.differs else "other credentials" if planned.had_entry else "absent"
    after = _shown(credentials) if planned.differs else before
    if task.changes({key: before}, {key: after}, path):
        place.change(edit, params["timeout"])
    task.result.update(auth_file=path, registry=host, entry=key, authenticated=taken)


def _shown(credentials: Credentials | None) -> str:
    """Return what may be told of credentials."""
    if credentials is None:
        return "absent"
    return "an identity token" if credentials.identity_token else f"user name {credentials.username} and a password"
