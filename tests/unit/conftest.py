# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrange for the collection to be imported as Ansible does it, then load the fixtures (registry/fixtures.py)."""

from __future__ import annotations

import importlib
import signal
import sys
import typing as t
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[5]


def _install_collection_loader() -> None:
    """Install Ansible's loader before anything of the collection is imported, where the test runner has not done so."""
    try:
        from ansible.plugins.loader import init_plugin_loader
    except ImportError:
        return  # a Python for modules only: they need no loader
    if importlib.import_module("ansible.utils.collection_loader").AnsibleCollectionConfig.collection_finder is None:
        init_plugin_loader([str(_ROOT)])


def _heed_signals() -> None:
    """Let Ctrl-C and a hang-up end what the tests start: a shell lets commands in the background ignore them, and so nohup does."""
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


def pytest_configure(config: pytest.Config) -> None:
    """Load the fixtures, and name the marker of tests that run a task in Ansible's worker."""
    config.addinivalue_line("markers", "worker: runs a task as Ansible's worker does, by its action plugin; needs the controller")
    _heed_signals()
    if str(_ROOT) not in sys.path:
        sys.path.insert(0, str(_ROOT))
    _install_collection_loader()
    fixtures = importlib.import_module("ansible_collections.ocitools.registry.tests.unit.registry.fixtures")
    if not config.pluginmanager.is_registered(fixtures):
        config.pluginmanager.register(fixtures)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: t.Any) -> t.Any:
    """Let a worker that has nothing left take tests from another one: plays of the guides take longer than a hundred other tests."""
    return importlib.import_module("xdist.scheduler").WorkStealingScheduling(config, log)
