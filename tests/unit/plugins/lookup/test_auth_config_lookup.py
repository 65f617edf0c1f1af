# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup and auth_config: text or a dictionary, never empty."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import run_lookup
from ansible_collections.ocitools.registry.tests.unit.plugins.module_utils._http import test_auth_config
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

auths, registry = test_auth_config.auths, test_auth_config.registry


@pytest.mark.parametrize("name", ["username", "password", "auth_config"])
def test_t60_an_empty_option_of_the_lookup_is_refused(registry: FakeRegistry, name: str) -> None:
    options = registry.args(credentials=False, **{name: ""})
    with pytest.raises(Exception, match=f"The option {name} is empty: an unset variable"):
        run_lookup(["app:1"], **options)
    assert registry.log() == []


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("by_variable", [False, True])
def test_the_lookup_takes_auth_config_as_text_or_a_dictionary(registry: FakeRegistry, as_text: bool, by_variable: bool) -> None:
    config: t.Any = json.dumps(auths(registry)) if as_text else auths(registry)
    options = registry.args(credentials=False, use_auth_file=False)
    if by_variable:
        assert run_lookup(["app:1"], {"ocitools_registry_auth_config": config}, **options)[0].startswith("sha256:")
    else:
        assert run_lookup(["app:1"], auth_config=config, **options)[0].startswith("sha256:")
