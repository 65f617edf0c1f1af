# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every module: nothing is kept, check mode reads, temporary files go, text of a registry is text, no weak hash, no library more."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import os
import signal
import tempfile
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import matrix
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import MakeRegistry
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Process, RunModule, assert_clean, start_module
from ansible_collections.ocitools.registry.tests.unit.registry.auth import TokenAuth, User
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.faults import error_body

pytestmark = pytest.mark.usefixtures("one_authority")

PLUGINS = matrix.FOLDER.parent


def _tree(*folders: Path) -> dict[str, bytes]:
    """Return every file beneath the folders with its content."""
    return {str(path): path.read_bytes() if path.is_file() else b"" for folder in folders for path in sorted(folder.rglob("*"))}


@pytest.fixture
def place(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path, Path]:
    """The home, the current and the temporary folder of a task."""
    folders = home, tmp_path / "here", tmp_path / "tmp"
    for folder in folders[1:]:
        folder.mkdir()
    monkeypatch.chdir(folders[1])
    monkeypatch.setattr(tempfile, "tempdir", str(folders[2]))
    return folders


# T14: nothing is kept


@pytest.mark.parametrize("module", [name for name in matrix.MODULES if name != "registry_login"])  # whose purpose is to write them: T74
def test_t14_no_module_keeps_credentials_or_tokens(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, place: tuple[Path, Path, Path], module: str
) -> None:
    registry = make_registry(auth=TokenAuth({"robot": User(identity_token="c4nary-identity-token")}))
    matrix.fill(registry)
    task = matrix.task(module, registry, tmp_path)
    config = place[0] / ".docker" / "config.json"
    config.parent.mkdir()
    config.write_text(f'{{"auths": {{"{registry.host}": {{"identitytoken": "c4nary-identity-token"}}}}}}')
    config.chmod(0o600)
    before = _tree(*place)
    run_module(module, registry.args(credentials=False, **task)).ok()
    assert _tree(*place) == before
    assert_clean(b"\0".join(content for path, content in _tree(tmp_path).items()), *registry.secrets())


# T40: check mode


@pytest.mark.parametrize("module", matrix.MODULES)
def test_t40_check_mode_reads_and_asks_for_no_more(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, module: str) -> None:
    registry = make_registry(auth="token")
    matrix.fill(registry)
    task = matrix.task(module, registry, tmp_path)
    before = _tree(tmp_path)
    predicted = run_module(module, registry.args(**task), check=True, diff=True).ok()
    assert {request.method for request in registry.requests} <= {"GET", "HEAD"}
    scopes = {scope.rpartition(":")[2] for request in registry.named("token") for scope in request.scopes}
    assert scopes <= {"pull", "*"}  # the catalog has a scope of its own: registry:catalog:*
    assert _tree(tmp_path) == before
    assert predicted.changed is (module not in matrix.READERS)
    real = run_module(module, registry.args(**task), diff=True).ok()
    assert (real.changed, real.data.get("diff")) == (predicted.changed, predicted.data.get("diff"))


# T41: temporary files


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL, None], ids=["asked to end", "killed", "to the end"])
def test_t41_temporary_files_have_no_name_and_no_secret(make_registry: MakeRegistry, tmp_path: Path, ending: signal.Signals | None) -> None:
    registry = make_registry(auth="token")
    tmpdir = tmp_path / "module"
    tmpdir.mkdir(0o700)
    task = matrix.task("registry_push", registry, tmp_path)  # layers that have to be compressed
    hold = registry.on("put_upload").hold()
    process: Process = start_module("registry_push", registry.args(**task), tmpdir)
    try:
        hold.wait()
        assert list(tmpdir.iterdir()) == []
        assert_clean(process.cmdline(), *registry.secrets())
        assert_clean(_memory_of_files(process.pid), *registry.secrets())
        if ending is not None:
            os.kill(process.pid, ending)
        hold.release()
        code, out, err = process.wait_for_end()
    finally:
        process.end()
    assert code == {None: 0, signal.SIGTERM: 128 + signal.SIGTERM, signal.SIGKILL: -signal.SIGKILL}[ending]
    assert list(tmpdir.iterdir()) == []
    assert_clean(out + err, *registry.secrets())
    assert registry.gaps() == []


def _memory_of_files(pid: int) -> bytes:
    """Return what is in the files that a process holds open though they have no name."""
    open_files = Path(f"/proc/{pid}/fd").iterdir()
    content = [link.read_bytes() for link in open_files if "(deleted)" in os.readlink(link)]
    assert content
    return b"\0".join(content)


# T42: hashes


@pytest.mark.parametrize("module", matrix.MODULES)
def test_t42_no_module_needs_a_weak_hash(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    matrix.fill(registry)
    task = matrix.task(module, registry, tmp_path)
    new = hashlib.new

    def refuse(*_args: t.Any, **_options: t.Any) -> t.NoReturn:
        raise ValueError("[digital envelope routines] unsupported")

    def choose(name: str, *args: t.Any, **options: t.Any) -> t.Any:
        return new(name, *args, **options) if name in ("sha256", "sha512") else refuse()

    monkeypatch.setattr(hashlib, "md5", refuse)
    monkeypatch.setattr(hashlib, "sha1", refuse)
    monkeypatch.setattr(hashlib, "new", choose)
    run_module(module, registry.args(**task)).ok()


# T43: text of a registry


def test_t43_labels_are_text(registry: FakeRegistry, run_module: RunModule) -> None:
    labels = {
        "template": "{{ lookup('pipe', 'id') }}",
        "escape": "\x1b]0;title\x07\x1b[31mred\x9b0m",
        "lines": "one\n\ttwo\r\n",
        "huge": "x" * 1_000_000,
        "half": "\ud800",
        "turned": "a\u202eb",
    }
    registry.add_image("app", "1", config={"config": {"Labels": labels}}, annotations={"org.example.text": "\x1b[2J" + "y" * 100_000})
    result = run_module("registry_image_info", registry.args(name=["app:1"], details="config")).ok()
    image = result["images"][0]
    assert image["labels"]["template"] == labels["template"]
    assert image["labels"]["lines"] == "one\n\ttwo \n"
    assert image["labels"]["huge"].startswith("xxx")
    assert len(image["labels"]["huge"]) == len(image["annotations"]["org.example.text"]) == 16384
    for text in (*image["labels"].values(), *image["annotations"].values()):
        assert text.replace("\n", "").replace("\t", "").isprintable()


@pytest.mark.parametrize("name", ["Docker-Content-Digest", "Content-Type", "Location", "Link", "Range", "WWW-Authenticate", "Retry-After"])
def test_t43_hostile_headers_are_not_printed(registry: FakeRegistry, run_module: RunModule, name: str) -> None:
    registry.add_image("app", "1")
    hostile = "\x1b[31m" + "z" * 3000 + "\x9b"
    registry.on(times=None).answer(401 if name == "WWW-Authenticate" else 200, {name: hostile}, b"\x1b[31m\xff")
    result = run_module("registry_tag", registry.args(name="app:1", tags=["2"], retries=0))
    assert result.failed
    assert result.msg.isprintable()
    assert len(result.msg) < 1500


# T44: what a registry has to say


def test_t44_warnings_are_shown_once_and_cut(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(warning="\x1b[31mmove " + "w" * 5000)
    registry.add_image("app", "1")
    assert run_module("registry_tag", registry.args(name="app:1", tags=["2", "3"])).ok().warnings == []  # longer than a warning may be
    registry.style.warning = "\x1b[31mmove " + "w" * 4000
    (warning,) = run_module("registry_tag", registry.args(name="app:1", tags=["4", "5"])).ok().warnings
    assert warning.startswith(f"The registry {registry.host} warns: [31mmove www")
    assert len(warning) < 4200


def test_t44_a_flood_of_warnings_is_dammed(registry: FakeRegistry, run_module: RunModule) -> None:
    tags = [f"tag-{number}" for number in range(30)]
    registry.add_image("app", "1")
    for tag in tags:
        registry.on("head_manifest", path=f"{tag}$").add_header("Warning", f'299 - "about {tag}"')
    assert len(run_module("registry_tag", registry.args(name="app:1", tags=tags)).ok().warnings) == 20


def test_t44_of_errors_little_is_shown(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.add_image("app", "1")
    errors = [{"code": f"CODE{number}", "message": f"m{number}-" + "x" * 400, "detail": "d3tail"} for number in range(9)]
    body = error_body("A", "b").replace(b'[{"code": "A", "message": "b", "detail": null}]', str(errors).replace("'", '"').encode())
    registry.on("get_manifest").answer(400, {}, body)
    result = run_module("registry_image_info", registry.args(name=["app:1"])).failure("invalid_response")
    assert result.error["code"] == "CODE0"
    assert "m0-xxx" in result.msg
    assert "d3tail" not in result.text
    assert "m5" not in result.text
    assert len(result.msg) < 800


# T45: libraries


def test_t45_requests_is_the_only_library_that_is_needed() -> None:
    imported: set[str] = set()
    for path in PLUGINS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(str(node.module))
    names = {name.partition(".")[0] for name in imported}
    library = os.path.dirname(os.__file__)
    foreign = set()
    for name in names:
        spec = importlib.util.find_spec(name)
        origin = spec.origin if spec else None
        if (origin not in ("built-in", "frozen") and not (origin or "").startswith(library)) or "site-packages" in (origin or ""):
            foreign.add(name)
    # zstandard and compression (of Python 3.14) are for archives that are packed so, cryptography for signatures; urllib3 and certifi come with requests
    assert foreign - {"zstandard", "compression", "cryptography"} == {"ansible", "requests", "urllib3", "certifi"}
