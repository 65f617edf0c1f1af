# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""T52: expressions of the user on names that a registry chose."""

from __future__ import annotations

import contextlib
import gc
import subprocess
import time
import typing as t

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._core.backtracking import count_ways
from ansible_collections.ocitools.registry.plugins.module_utils._core.errors import RegistryError
from ansible_collections.ocitools.registry.plugins.module_utils._core.patterns import Selection, compile_patterns
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import kind_of
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule, plugin
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

EVIL = r"^v?([0-9]+\.?)+$"
ONES = "1" * 40 + "-"


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let matching take one second at most."""
    monkeypatch.setattr(plugin("module_utils._core.patterns"), "MOST_SECONDS", 1)


@pytest.mark.usefixtures("one_authority", "hurry")
@pytest.mark.parametrize(
    ("module", "option", "more"),
    [
        ("registry_tag_info", "include", {}),
        ("registry_tag_info", "exclude", {}),
        ("registry_prune", "include", {"keep_last": 1}),
        ("registry_prune", "exclude", {"keep_last": 1}),
        ("registry_prune", "protect", {"keep_last": 1}),
    ],
)
def test_t52_a_tag_does_not_keep_an_expression_busy(
    registry: FakeRegistry, run_module: RunModule, module: str, option: str, more: dict[str, t.Any]
) -> None:
    for tag in ("1.0", "1.1", ONES):
        registry.add_image("app", tag)
    start = time.monotonic()
    result = run_module(module, {**registry.args(name="app", **more), option: [EVIL]}).failure("limit")
    assert time.monotonic() - start < 30
    assert f"The option {option} contains {EVIL!a}" in result.msg
    assert ONES in result.msg
    assert registry.writes() == []
    assert len(registry.tags("app")) == 3


@pytest.mark.usefixtures("one_authority", "hurry")
@pytest.mark.parametrize("option", ["include", "exclude"])
def test_t52_a_repository_does_not_keep_an_expression_busy(registry: FakeRegistry, run_module: RunModule, option: str) -> None:
    registry.add_image("1" * 40 + "-x", "1")
    result = run_module("registry_repository_info", {**registry.args(), option: [EVIL]}).failure("limit")
    assert f"The option {option} contains" in result.msg


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize(
    "text",
    [
        EVIL,
        r"^(a|a)*$",
        r"^(a*)*$",
        r"(x+x+)+y",
        r"^(\w+\s?)*$",
        r"^(a|a){40}$",
        r"(.*a){20}$",
        r"^(?=(a+)+$)",
        r"^(([a-z])+.)+[A-Z]$",
        "a?" * 30 + "a" * 30,
    ],
)
def test_t52_no_expression_takes_longer_than_the_deadline(text: str) -> None:
    selection = Selection.parse([text], [])
    start = time.monotonic()
    for name in ("a" * 29, "a" * 128, "x" * 128, "1" * 128 + "-"):
        with contextlib.suppress(RegistryError):
            selection.has(name)
    assert time.monotonic() - start < 15


@pytest.mark.usefixtures("hurry")
def test_t52_many_names_do_not_take_longer_than_the_deadline_together() -> None:
    selection = Selection.parse([r"\w*a+$"], [])  # some hundredths of a second for each
    start = time.monotonic()
    names = ["a" * 127 + "!" for _number in range(100_000)]
    assert kind_of(lambda: [selection.has(name) for name in names]) == "limit"
    assert time.monotonic() - start < 15


@pytest.mark.parametrize(
    "text",
    [
        "rc",
        r"-rc\d+$",
        r"^v?\d+\.\d+\.\d+$",
        r"^\d{1,3}\.\d$",
        r"^v\d+(\.\d+){2}(-(alpha|beta|rc)\.?\d*)?$",
        r"^[a-z0-9]+([._-][a-z0-9]+)*$",
        r"^(.*)-(amd64|arm64)$",
        ".*-rc.*",
        r"^pr-\d+|^feature-.*|-SNAPSHOT$",
        r"^(?!.*rc).*$",
        "(?i)^LATEST$",
        "^sha-[0-9a-f]{7,40}$",
    ],
)
def test_t52_what_people_write_costs_no_process(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    def refuse(*_arguments: object, **_options: object) -> t.NoReturn:
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess.Popen, "__init__", refuse)
    selection = Selection.parse([text], [])
    for name in ("1.0", "v1.10.3-rc2", "latest", "a" * 128):
        selection.has(name)


def test_t52_an_expression_that_could_take_long_is_matched_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    processes: list[subprocess.Popen[str]] = []
    begin = subprocess.Popen.__init__

    def record(process: subprocess.Popen[str], *arguments: t.Any, **options: t.Any) -> None:
        processes.append(process)
        begin(process, *arguments, **options)

    monkeypatch.setattr(subprocess.Popen, "__init__", record)
    names = ["1.0", "v1.10.3", "latest", "1.0\n", "1\u0660", "\u00fc1"]
    (pattern,) = compile_patterns(EVIL, "include")
    assert [name for name in names * 2 if pattern.search(name)] == ["1.0", "v1.10.3", "1.0\n"] * 2
    assert len(processes) == 1
    del pattern
    gc.collect()
    assert processes[0].returncode is not None  # none is left behind


def test_t52_where_no_process_can_be_started_the_task_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin("module_utils._core.patterns").sys, "executable", "/nowhere/python")
    assert kind_of(lambda: Selection.parse([EVIL], []).has("1.0")) == "local_io"


def test_t52_how_many_ways_there_are_is_counted() -> None:
    assert count_ways(r"^v?\d+\.\d+$") == 0
    assert count_ways(r"^.*-rc.*-x$") == 16
    assert count_ways(r"^(?:a|ab|b)c$") == 1
    assert count_ways(EVIL) == count_ways(r"^(\d+)\1$") == float("inf")
