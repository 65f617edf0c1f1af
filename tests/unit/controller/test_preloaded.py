# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an action loads is what its task needs, as compiled code: else each task would load the rest anew, in a process of its own, and from source."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import matrix
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import MakeRegistry
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import PYTHON_PATH, ROOT

# What few tasks need: archives, and what refers to an image.
SELDOM = {
    "archive",
    "compressed_file",
    "compression",
    "digest_tags",
    "docker_archive",
    "pages",
    "referrers",
    "saved_layers",
    "shared_tag",
    "tar",
    "tar_members",
}

PROGRAM = """
import importlib, json, sys
OWN = "ansible_collections.ocitools.registry.plugins."

def own():
    return {name for name in sys.modules if name.startswith(OWN)}

def late(module, options):
    for name in own():
        del sys.modules[name]
    action = importlib.import_module(f"{OWN}action.{module}").ActionModule
    loaded = own()
    task = sys.modules[f"{OWN}module_utils._tasks.task"]
    arguments = sys.modules[f"{OWN}plugin_utils._arguments"]
    spec = arguments.whole_spec(action.options, action.rules)
    params = arguments.validate(options, spec, action.rules).validated_parameters
    nothing = lambda *_things: None
    front = task.Front(nothing, nothing, nothing, lambda: sys.argv[1], lambda path: arguments.file_options(params))
    scrubber = sys.modules[f"{OWN}module_utils._core.scrub"].Scrubber()
    result = task.Task(params, front, scrubber).run(action.run_task)
    assert not result.get("failed"), (module, result)
    return sorted(name.rpartition(".")[2] for name in own() - loaded)

print(json.dumps({module: late(module, options) for module, options in json.load(sys.stdin).items()}))
"""


IMPORT = """
import importlib, sys
from ansible.plugins.loader import init_plugin_loader
init_plugin_loader([sys.argv[2]])
before = list(sys.meta_path)
importlib.import_module(f"ansible_collections.ocitools.registry.plugins.{sys.argv[1]}")
assert sys.meta_path == before
for name in [name for name in sys.modules if name.startswith("ansible_collections.ocitools.registry.plugins.module_utils._")]:
    print(getattr(sys.modules[name], "__cached__", name))
"""


@pytest.mark.parametrize("plugin", ["action.registry_push", "lookup.registry_digest"])
def test_compiled_code_is_kept_for_the_next_play(plugin: str, tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": PYTHON_PATH, "PYTHONPYCACHEPREFIX": str(tmp_path), "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, "-c", IMPORT, plugin, str(ROOT)]
    done = subprocess.run(command, env=env, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    kept = done.stdout.splitlines()
    assert kept
    assert [path for path in kept if not path.startswith(str(tmp_path)) or not Path(path).is_file()] == []


def test_a_task_in_the_worker_loads_nothing_of_the_collection(make_registry: MakeRegistry, tmp_path: Path) -> None:
    tasks = {}
    for module in matrix.MODULES:
        registry = make_registry()
        matrix.fill(registry)
        (tmp_path / module).mkdir()
        tasks[module] = {**registry.args(), **matrix.task(module, registry, tmp_path / module)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        input=json.dumps(tasks),
        env={**os.environ, "PYTHONPATH": PYTHON_PATH},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    late = {module: [name for name in names if name not in SELDOM] for module, names in json.loads(done.stdout).items()}
    assert {module: names for module, names in late.items() if names} == {}
