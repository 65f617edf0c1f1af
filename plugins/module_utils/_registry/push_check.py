# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the credentials may push to a repository: an upload is opened, and cancelled before anything is sent."""

from __future__ import annotations

from .._core.errors import RegistryError
from .client import RegistryClient

_REFUSALS = frozenset({"denied", "unauthorized", "unsupported", "not_found"})


def find_push_refusal(client: RegistryClient) -> RegistryError | None:
    """Return why the registry lets nobody push to the repository with these credentials, None where it does.

    Whatever tells neither, such as a registry that is down or limits requests, is raised.
    """
    api = client.with_actions("pull", "push").api
    try:
        session = api.start_upload()
        if session.status != 202:
            raise api.failure(session, f"Opening an upload to {api.name}")
        session.finish()
    except RegistryError as error:
        if error.kind not in _REFUSALS:
            raise
        return error
    api.cancel_upload(lambda: api.upload_target(session))
    return None
