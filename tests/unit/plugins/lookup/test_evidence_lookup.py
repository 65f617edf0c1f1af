# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup and hosts that are no registry: an empty digest is given on evidence only."""

from __future__ import annotations

import typing as t

import pytest
from ansible.errors import AnsibleLookupError
from ansible_collections.ocitools.registry.tests.unit.plugins.modules.test_evidence import PROXIES
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry


@pytest.mark.parametrize("proxy", sorted(PROXIES))
def test_a_404_of_something_else_than_a_registry_is_no_empty_digest(
    registry: FakeRegistry, run_lookup: t.Callable[..., list[t.Any]], proxy: str
) -> None:
    headers, body = PROXIES[proxy]
    for endpoint in ("base", "head_manifest", "get_manifest"):
        registry.on(endpoint, times=None, optional=True).answer(404, headers, body)
    with pytest.raises(AnsibleLookupError, match="does not look like a registry"):
        run_lookup(["app:1"], **registry.args(missing="empty"))
