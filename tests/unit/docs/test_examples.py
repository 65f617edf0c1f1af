# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every example of the documentation is run as it is written, but for the names of hosts."""

from __future__ import annotations

import ast
import json
import re
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.ocitools.registry.tests.unit.docs.guide_plays import blocks
from ansible_collections.ocitools.registry.tests.unit.plugins import artifacts, images, signing
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule, plugin
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from jinja2.nativetypes import NativeEnvironment

COLLECTION = Path(__file__).resolve().parents[3]
PREFIX = "ocitools.registry."
HOSTS = re.compile(r"\b(?:(?:registry|reg|old|new|mirror)\.example\.com|quay\.io|docker\.io)\b")

ENVIRONMENT = NativeEnvironment()
ENVIRONMENT.filters.update({f"{PREFIX}{name}": run for name, run in plugin("filter.images").FilterModule().filters().items()})

Task = dict[str, t.Any]
RunLookup = t.Callable[..., list[str]]


def _examples(path: Path) -> list[Task]:
    """The tasks in the EXAMPLES of a plugin."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "EXAMPLES":
            return t.cast("list[Task]", yaml.safe_load(ast.literal_eval(node.value)))
    raise AssertionError(f"{path} has no EXAMPLES")


def _readme() -> list[Task]:
    """The tasks in the README, those of plays among them."""
    found: list[Task] = []
    for block in re.findall(r"```yaml\n(.*?)```", (COLLECTION / "README.md").read_text(encoding="utf-8"), re.DOTALL):
        document = yaml.safe_load(block)
        for entry in document if isinstance(document, list) else []:  # else it is a file of requirements
            defaults = entry.get("module_defaults", {}).get(f"group/{PREFIX}registry", {})
            found += [{**task, "defaults": defaults} for task in entry.get("tasks", [entry])]
    return found


def _tasks() -> t.Iterator[t.Any]:
    for path in sorted((COLLECTION / "plugins" / "modules").glob("*.py")) + sorted((COLLECTION / "plugins" / "lookup").glob("*.py")):
        for task in _examples(path):
            yield pytest.param(task, id=f"{path.stem}: {task['name']}")
    for task in _readme():
        yield pytest.param(task, id=f"README: {task['name']}")
    for block in blocks("guide_faq"):
        for task in yaml.safe_load(block.text):
            yield pytest.param(task, id=f"FAQ: {task['name']}")


def _sign(registry: FakeRegistry, folder: Path) -> None:
    """Sign what the examples verify, by the key and the certificate that they name."""
    key, authority = signing.make_key(), signing.Authority()
    (folder / "release.pub").write_text(signing.pem_of(key), encoding="utf-8")
    (folder / "release.pem").write_text(signing.private_pem(key), encoding="utf-8")
    (folder / "authority.pem").write_text(authority.pem, encoding="utf-8")
    registry.set_tag("team/app", "1.4", registry.tags("team/app")["1.4.2"])
    for tag in ("team/app:1.4", "org/app:1.2"):
        repository, _colon, name = tag.partition(":")
        signing.add_simple(registry, registry.tags(repository)[name], key, repository=repository)


@pytest.fixture
def prepared(registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeRegistry:
    """A registry with the images that the examples speak of, and the files beside them."""
    added = registry.add_index("team/app", "1.4.2", platforms=["linux/amd64", "linux/arm64"])
    registry.set_tag("team/app", "nightly", added.digest)
    registry.set_tag("team/app", "1.4.2-rc1", added.digest)
    registry.add_image("org/app", "1.2")
    registry.add_image("org/db", "16")
    registry.add_image("library/alpine", "3.20")
    registry.add_index("team/db", "16")
    for name, platform in (("app:1.4.2-amd64", "amd64"), ("app:1.4.2-arm64", "arm64"), ("app-arm:1.4.2", "arm")):
        registry.add_image(f"team/{name.partition(':')[0]}", name.partition(":")[2], platform=f"linux/{platform}")
    registry.add_image("builds/app", "1.4.2-riscv64", platform="linux/riscv64")
    _sign(registry, tmp_path)
    for name in ("settings.json", "build/templates/app.j2", "app.spdx.json", "app-1.4.2.tgz"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        images.write_bytes(tmp_path / name, b"{}")
    for subject, tag, artifact_type in ((None, "1.4.2", "application/vnd.example.settings"), (added.digest, None, "application/spdx+json")):
        repository = "team/app" if subject else "team/settings"
        layer = {**registry.add_blob(repository, b"{}"), "annotations": {"org.opencontainers.image.title": "file.json"}}
        empty = registry.add_blob(repository, b"{}", "application/vnd.oci.empty.v1+json")
        notes = {"org.opencontainers.image.created": "2024-05-06T07:08:09Z"}
        about = {"subject": registry.stored("team/app", added.digest).descriptor()} if subject else {}
        document = {"schemaVersion": 2, "artifactType": artifact_type, "config": empty, "layers": [layer], "annotations": notes, **about}
        registry.add_manifest(repository, document, "application/vnd.oci.image.manifest.v1+json", tag)
    artifacts.chart(registry, {"name": "app", "version": "1.4.2"}, "charts/app", "1.4.2")
    images.write_oci_archive(tmp_path / "app.tar", {"1.4.2-rc1": images.multi_arch()})
    images.write_docker_archive(tmp_path / "bundle.tar", {"team/app:1.5": images.image(), "team/db:1.5": images.image(layers=["db"])})
    images.write_layout(tmp_path / "build" / "layout", {"1.4.2": images.image(), "1.4.1": images.image(layers=["old"])})
    carried = images.image(layers=["carried"])
    images.write_layout(tmp_path / "carried" / "quay.io+org+app", {"1.2": carried})
    entry = {"name": "quay.io/org/app:1.2", "path": "quay.io+org+app", "digest": carried.digest}
    images.write_bytes(tmp_path / "carried" / "images.yml", json.dumps({"images": [entry]}).encode())
    monkeypatch.chdir(tmp_path)
    return registry


def _variables(registry: FakeRegistry, run_lookup: RunLookup) -> dict[str, t.Any]:
    digest = registry.tags("team/app")["1.4.2-rc1"]

    def query(_name: str, *terms: str, **options: t.Any) -> list[str]:
        return run_lookup(list(terms), **registry.args(registry=None), **options)

    def lookup(name: str, *terms: str, **options: t.Any) -> str:
        return ",".join(query(name, *terms, **options))

    return {
        "app": {"images": [{"image": f"{registry.host}/team/app@{digest}"}]},
        "all_images": [f"{registry.host}/team/app:1.4.2", f"{registry.host}/org/db:16"],
        "release": {"image": f"{registry.host}/team/app@{digest}"},
        "candidate": {"images": [{"digest": digest}]},
        "candidates": {"plan": [{"tag": "1.4.2-rc1"}]},
        "bundle": {"images": [{"names": ["team/app:1.5"]}, {"names": ["team/db:1.5"]}]},
        "tested_digest": digest,
        "vault_signing_key": signing.private_pem(signing.make_key(), "passphrase"),
        "vault_signing_passphrase": "passphrase",
        "team": {"repositories": [f"{registry.host}/team/app"]},
        "tags": {"results": [{"item": f"{registry.host}/team/app", "total": 3}]},
        **dict.fromkeys(("vault_registry_password", "vault_old_password", "vault_new_password"), "unused here"),
        "lookup": lookup,
        "query": query,
    }


def _rendered(value: t.Any, variables: dict[str, t.Any], host: str) -> t.Any:
    if isinstance(value, str):
        text = HOSTS.sub(host, value)
        return ENVIRONMENT.from_string(text).render(variables) if "{{" in text else text
    if isinstance(value, dict):
        return {key: _rendered(item, variables, host) for key, item in value.items()}
    if isinstance(value, list):
        return [_rendered(item, variables, host) for item in value]
    return value


@pytest.mark.parametrize("task", list(_tasks()))
def test_example(prepared: FakeRegistry, run_module: RunModule, run_lookup: RunLookup, task: Task) -> None:
    key = next(key for key in task if key.startswith((PREFIX, "ansible.builtin.")))
    defaults = {key: value for key, value in task.get("defaults", {}).items() if key == "registry"}
    variables = _variables(prepared, run_lookup)
    variables["item"] = next(iter(_rendered(task.get("loop", [None]), variables, prepared.host)))
    arguments = _rendered({**defaults, **task[key]}, variables, prepared.host)
    if not key.startswith(PREFIX):
        assert arguments  # a task of Ansible's own, with a lookup in it
        return
    connection = {name: value for name, value in prepared.args().items() if name != "registry"}
    taken = prepared.tags("team/app")
    for tag in taken.keys() & arguments["tags"] if arguments.get("existing") == "fail" else ():
        prepared.remove_tag("team/app", tag)
    run_module(key.removeprefix(PREFIX), {**connection, **arguments}).ok()
