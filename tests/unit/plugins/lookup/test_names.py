# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup reads names and registries as the modules do."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleError
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import run_lookup
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry


@pytest.mark.parametrize(
    ("base", "repository"), [("https://{}/v2/", "app"), ("{}/v1/", "app"), ("{}/v2", "v2/app"), ("https://{}/x", "x/app")]
)
def test_a_registry_that_is_pasted_from_a_login_is_no_prefix(registry: FakeRegistry, base: str, repository: str) -> None:
    digest = registry.add_image(repository, "1").digest
    assert run_lookup(["app:1"], **registry.args(registry=base.format(registry.host))) == [digest]


@pytest.mark.parametrize(
    ("term", "words"), [("quay.io/org/db:16", "names a registry itself; leave out one of the two"), (":1", "a variable seems to be empty")]
)
def test_a_term_that_means_two_registries_or_none_is_refused(registry: FakeRegistry, term: str, words: str) -> None:
    with pytest.raises(AnsibleError, match=words):
        run_lookup([term], **registry.args(registry=f"{registry.host}/team"))
    assert registry.log() == []
