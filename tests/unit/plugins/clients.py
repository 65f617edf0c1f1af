# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Types and words of tests that talk to a registry through RegistryClient; the fixture ``connect`` makes one."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._core.errors import RegistryError
from ansible_collections.ocitools.registry.plugins.module_utils._registry.client import RegistryClient
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

MakeRegistry = t.Callable[..., FakeRegistry]
MakeClient = t.Callable[..., RegistryClient]


def kind_of(call: t.Callable[[], object]) -> str:
    """Return the kind of the error that ``call`` must raise."""
    with pytest.raises(RegistryError) as caught:
        call()
    return caught.value.kind
