# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ansible sends to a host, a zip file of source: each file of it is compiled once, and what fails says where."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
import zipfile
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[5]
COLLECTION = "ansible_collections/ocitools/registry"
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py"))
PROGRAM = """
import json, runpy, sys
compiled = []
sys.addaudithook(lambda event, details: compiled.append(str(details[1])) if event == "compile" else None)
sys.path.insert(0, sys.argv[1])
runpy.run_module(sys.argv[2], run_name="payload")
from ansible_collections.ocitools.registry.plugins.module_utils._http import sockets, transport
print(json.dumps({
    "compiled": compiled,
    "files": [sockets.__file__, sockets.__spec__.origin, sockets.__spec__.parent],
    "source": sockets.__spec__.loader.get_source(sockets.__name__)[:12],
    "package": list(sys.modules[sockets.__spec__.parent].__path__),
}))
"""

SLOW = """
import threading

seen = []

def look():
    try:
        from .slow import whole
        seen.append(whole)
    except ImportError as error:
        seen.append(str(error))

other = threading.Thread(target=look)
other.start()
other.join(0.5)  # it ends at once if it is given a module that is not whole
whole = True
"""
THREADS = """
import json, runpy, sys
sys.path.insert(0, sys.argv[1])
runpy.run_module(sys.argv[2], run_name="payload")
from ansible_collections.ocitools.registry.plugins.module_utils._core import slow
slow.other.join(60)
print(json.dumps({"seen": slow.seen}))
"""


@pytest.fixture(scope="module")
def payload(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a zip file of modules and module_utils, as Ansible makes it: each folder a package."""
    path = tmp_path_factory.mktemp("payload") / "payload.zip"
    with zipfile.ZipFile(path, "w") as archive:
        folders = {f"{COLLECTION}/plugins/modules"}
        for file in [*(ROOT / "plugins").glob("modules/*.py"), *(ROOT / "plugins").glob("module_utils/**/*.py")]:
            name = f"{COLLECTION}/{file.relative_to(ROOT)}"
            folders.add(str(Path(name).parent))
            if file.name != "__init__.py":
                archive.write(file, name)
        for folder in {parent for name in folders for parent in (Path(name), *Path(name).parents) if parent.name}:
            archive.writestr(f"{folder}/__init__.py", "")
    return path


def run(payload: Path, module: str, *program: str) -> dict[str, t.Any]:
    words = [
        sys.executable,
        "-c",
        program[0] if program else PROGRAM,
        str(payload),
        f"{COLLECTION.replace('/', '.')}.plugins.modules.{module}",
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return t.cast(dict[str, t.Any], json.loads(done.stdout))


@pytest.mark.parametrize("module", ["registry_push", "registry_tag_info"])
def test_no_file_of_a_payload_is_compiled_twice(payload: Path, module: str) -> None:
    told = run(payload, module)
    ours = Counter(name for name in told["compiled"] if "module_utils/_" in name and not name.endswith(("/payload.py", "/__init__.py")))
    assert len(ours) > 40
    assert set(ours.values()) == {1}


def test_what_is_imported_from_a_payload_knows_its_file(payload: Path) -> None:
    told = run(payload, "registry_push")
    package = f"{COLLECTION}/plugins/module_utils/_http"
    assert told["files"] == [f"{payload}/{package}/sockets.py"] * 2 + [package.replace("/", ".")]
    assert (told["source"], told["package"]) == ("# Copyright:", [f"{payload}/{package}"])


def test_a_thread_waits_until_a_module_that_another_one_imports_is_whole(payload: Path, tmp_path: Path) -> None:
    slow = tmp_path / "payload.zip"
    slow.write_bytes(payload.read_bytes())
    with zipfile.ZipFile(slow, "a") as archive:
        archive.writestr(f"{COLLECTION}/plugins/module_utils/_core/slow.py", SLOW)
    assert run(slow, "registry_push", THREADS) == {"seen": [True]}


@pytest.mark.parametrize("module", MODULES)
def test_modules_read_the_importer_first(module: str) -> None:
    lines = (ROOT / "plugins" / "modules" / f"{module}.py").read_text(encoding="utf-8").splitlines()
    imports = [line for line in lines if line.startswith(("from ", "import ", "compile_once()"))]
    assert imports[:3] == ["from __future__ import annotations", "from ..module_utils._core.payload import compile_once", "compile_once()"]


def test_nothing_is_changed_where_there_is_no_payload() -> None:
    program = (
        "import json, sys; before = list(sys.path_hooks), dict(sys.path_importer_cache);"
        "from ansible_collections.ocitools.registry.plugins.module_utils._core.payload import compile_once; compile_once();"
        "print(json.dumps({'same': sys.path_hooks == before[0] and before[1].items() <= sys.path_importer_cache.items()}))"
    )
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT.parents[2])
    assert json.loads(done.stdout) == {"same": True}
