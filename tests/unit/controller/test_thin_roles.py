# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles mirror, promote, preflight and retention, run by the real Ansible: what they show, and credentials that are vaulted."""

from __future__ import annotations

import json
import re
import sys
import typing as t
from pathlib import Path

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import run_ansible
from ansible_collections.ocitools.registry.tests.unit.registry.auth import Basic
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

MakeRegistry = t.Callable[..., FakeRegistry]
ROLES = Path(__file__).resolve().parents[3] / "roles"
PASSWORD = "c4nary-in-the-vault"  # the fake registry's


class Done(t.NamedTuple):
    """A play that has ended: whether it succeeded, what it showed, and the facts that it left."""

    succeeded: bool
    output: str
    tasks: list[str]
    facts: dict[str, t.Any]


def _vaulted(text: str) -> str:
    secret = VaultSecret(b"of-the-vault")
    sealed = VaultLib([("default", secret)]).encrypt(text, secret).decode()
    return "!vault |\n" + "".join(f"  {line}\n" for line in sealed.splitlines())


def _play(
    role: str, folder: Path, check: bool = False, vault: str = "", earlier: t.Mapping[str, t.Any] | None = None, **variables: t.Any
) -> Done:
    """Use a role; ``vault`` is YAML of variables that come from a file, ``earlier`` what an earlier use of the role in the play is given."""
    facts = folder / "facts.json"
    names = ["mirror_failures", "promote_digest", "promote_previous", "preflight_report", "retention_planned", "retention_deleted"]
    left = {name: f"{{{{ {name} | default(none) }}}}" for name in names if name.startswith(role)}
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": sys.executable},
        "module_defaults": {
            "group/ocitools.registry.registry": {"plain_http": True, "use_auth_file": False, "retries": 0, "concurrency": 1},
            "ocitools.registry.registry_sync": {"src_plain_http": True, "dest_plain_http": True, "plain_http": "{{ omit }}"},
        },
        "tasks": [
            {
                "block": [
                    {"ansible.builtin.include_role": {"name": f"ocitools.registry.{role}"}, "vars": given}
                    for given in ([] if earlier is None else [{**variables, **earlier}]) + [variables]
                ],
                "always": [
                    {
                        "ansible.builtin.copy": {"content": "{{ left | to_json }}", "dest": str(facts)},
                        "vars": {"left": left},
                        "check_mode": False,
                    }
                ],
            }
        ],
    }
    (folder / "play.yml").write_text(json.dumps([play]), encoding="utf-8")
    (folder / "secret.txt").write_text("of-the-vault", encoding="utf-8")
    (folder / "vault.yml").write_text(vault or "{}", encoding="utf-8")
    arguments = ["-i", "localhost,", "play.yml", "-e", "@vault.yml", "--vault-password-file", "secret.txt", *(["--check"] if check else [])]
    done = run_ansible("playbook", arguments, folder)
    output = done.stdout + done.stderr
    tasks = re.findall(rf"^TASK \[ocitools\.registry\.{role} : (.*?)\] \**$", done.stdout, re.MULTILINE)
    return Done(done.returncode == 0, output, tasks, json.loads(facts.read_text(encoding="utf-8")))


@pytest.mark.parametrize("role", ["promote", "preflight", "retention"])
def test_a_role_has_no_program_in_it(role: str) -> None:
    assert not (ROLES / role / "vars").exists()
    text = (ROLES / role / "tasks" / "main.yml").read_text(encoding="utf-8")
    assert "{%" not in text
    assert "loop" not in text
    calls = re.findall(r"ocitools\.registry\.(registry_\w+):", text)
    assert len(calls) <= 3
    assert "no_log" not in (ROLES / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8")


def test_preflight_tells_all_in_four_tasks(make_registry: MakeRegistry, tmp_path: Path) -> None:
    registry = make_registry(auth=Basic("robot", PASSWORD))
    registry.add_image("app", "1")
    vault = f"preflight_credentials:\n  {registry.host}:\n    username: robot\n    password: " + _vaulted(PASSWORD).replace(
        "\n  ", "\n      "
    )
    images = [registry.name(name) for name in ("app:1", "app:2", "UP:1")]
    done = _play("preflight", tmp_path, vault=vault, preflight_images=images[:1], preflight_push_to=[registry.name("new")])
    assert done.succeeded, done.output
    assert done.facts["preflight_report"] == {"looked_for": 1, "missing": [], "unknown": [], "credentials": [], "push_refused": []}
    assert len([task for task in done.tasks if not task.startswith("Validating")]) == 4
    done = _play("preflight", tmp_path, vault=vault, preflight_images=images)
    assert not done.succeeded
    report = done.facts["preflight_report"]
    assert (report["looked_for"], report["missing"], len(report["unknown"])) == (3, [registry.name("app:2")], 1)
    assert "(item=" not in done.output
    assert PASSWORD not in done.output


def test_preflight_refuses_a_list_with_all_that_is_wrong_in_it(registry: FakeRegistry, tmp_path: Path) -> None:
    done = _play("preflight", tmp_path, preflight_images=[5, {"nam": "x"}, "app:1"], preflight_push_to=None)
    assert not done.succeeded
    for word in ("entry 1 of images", "entry 2 of images", "push_to"):
        assert word in done.output
    assert registry.log() == []


@pytest.mark.parametrize("role", ["promote", "preflight"])
def test_credentials_by_other_names_are_refused_and_not_shown(tmp_path: Path, role: str) -> None:
    credentials: dict[str, t.Any] = {f"{role}_credentials": {"reg.example.com": {"user": "me", "password": "c4nary-untold"}}}
    variables: dict[str, dict[str, t.Any]] = {
        "promote": {"promote_image": "reg.example.com/app:1", "promote_tags": ["2"]},
        "preflight": {"preflight_images": ["reg.example.com/app:1"]},
    }
    done = _play(role, tmp_path, **variables[role], **credentials)
    assert not done.succeeded
    assert f"{role}_credentials must have username and password" in done.output
    assert "reg.example.com" in done.output
    assert "c4nary-untold" not in done.output


def test_promote_with_vaulted_credentials(make_registry: MakeRegistry, tmp_path: Path) -> None:
    registry = make_registry(auth=Basic("robot", PASSWORD))
    digest = registry.add_image("app", "rc").digest
    old = registry.add_image("app", "1.0").digest
    vault = f"promote_credentials:\n  {registry.host}:\n    username: robot\n    password: " + _vaulted(PASSWORD).replace(
        "\n  ", "\n      "
    )
    image = registry.name("app:rc")
    done = _play("promote", tmp_path, vault=vault, promote_image=image, promote_tags=["1.0", "1"], promote_expected_digest=digest)
    assert done.succeeded, done.output
    assert registry.tags("app") == {"rc": digest, "1.0": digest, "1": digest}
    assert done.facts == {"promote_digest": digest, "promote_previous": {"1.0": old, "1": None}}
    assert PASSWORD not in done.output
    done = _play("promote", tmp_path, vault=vault, promote_image=image, promote_tags=["1.0"], promote_dest=registry.name("release/app"))
    assert done.succeeded, done.output
    assert registry.tags("release/app") == {"1.0": digest}
    assert done.facts["promote_previous"] == {"1.0": None}


@pytest.mark.parametrize("wrong", [{"promote_tags": []}, {"promote_expected_digest": None}])
def test_promote_refuses_what_has_no_value(registry: FakeRegistry, tmp_path: Path, wrong: dict[str, t.Any]) -> None:
    registry.add_image("app", "rc")
    done = _play("promote", tmp_path, **{"promote_image": registry.name("app:rc"), "promote_tags": ["1"], **wrong})
    assert not done.succeeded
    assert registry.writes() == []
    assert (done.facts["promote_digest"] or None, done.facts["promote_previous"]) == (
        None,
        {},
    )  # before ansible-core 2.19 none is empty text


@pytest.mark.parametrize("empty", [None, {}])
def test_t65_signatures_that_have_no_value_are_no_leave_to_promote(registry: FakeRegistry, tmp_path: Path, empty: t.Any) -> None:
    image = registry.name("app:rc")
    registry.add_image("app", "rc")
    for done in (
        _play("promote", tmp_path, promote_image=image, promote_tags=["1"], promote_verify=empty),
        _play("promote", tmp_path, promote_image=image, promote_tags=["1"], promote_dest=registry.name("new"), promote_verify=empty),
        _play("preflight", tmp_path, preflight_images=[image], preflight_verify=empty),
    ):
        assert not done.succeeded, done.output
    assert registry.log() == []


@pytest.mark.parametrize("dest", ["app", "release/app"])
def test_promote_that_fails_half_way_tells_what_its_tags_were_on(registry: FakeRegistry, tmp_path: Path, dest: str) -> None:
    registry.add_image("app", "rc")
    old = registry.add_image(dest, "1.0", seed="old").digest
    registry.on("put_manifest", path="1.1").answer(403, code="DENIED")
    variables: dict[str, t.Any] = {} if dest == "app" else {"promote_dest": registry.name(dest)}
    done = _play("promote", tmp_path, promote_image=registry.name("app:rc"), promote_tags=["1.0", "1.1"], **variables)
    assert not done.succeeded
    assert registry.tags(dest)["1.0"] != old
    assert done.facts["promote_previous"] == {"1.0": old}


def test_promote_says_which_tag_somebody_else_has_moved_since(registry: FakeRegistry, tmp_path: Path) -> None:
    digest = registry.add_image("app", "rc").digest
    other = registry.add_image("app", "1.0", seed="other").digest
    registry.on("put_manifest", path="1.1").then(lambda _request: registry.set_tag("app", "1.0", other))
    done = _play("promote", tmp_path, promote_image=registry.name("app:rc"), promote_tags=["1.0", "1.1"])
    assert not done.succeeded
    assert f"{registry.name('app:1.0')}: somebody else has changed" in done.output
    assert done.facts == {"promote_digest": digest, "promote_previous": {"1.0": other, "1.1": None}}


@pytest.mark.parametrize("role", ["preflight", "retention"])
def test_a_role_that_fails_keeps_nothing_of_its_last_use(registry: FakeRegistry, tmp_path: Path, role: str) -> None:
    registry.add_image("app", "1")
    registry.add_image("app", "2")
    given: dict[str, list[dict[str, t.Any]]] = {
        "preflight": [{"preflight_images": [registry.name("app:1")]}, {"preflight_platforms": [5]}],
        "retention": [
            {"retention_repositories": [{"name": registry.name("app")}], "retention_keep_last": 1, "retention_apply": True},
            {"retention_repositories": [{"name": registry.name("nowhere")}]},
        ],
    }
    good, bad = given[role]
    done = _play(role, tmp_path, earlier=good, **{**good, **bad})
    assert not done.succeeded
    if role == "preflight":
        assert done.facts == {"preflight_report": {}}
    else:
        assert done.facts["retention_deleted"] == {"results": []}
        assert done.facts["retention_planned"]["failed"]


def test_retention_shows_and_then_deletes(registry: FakeRegistry, tmp_path: Path) -> None:
    for repository in ("one", "two"):
        for tag in ("1.8.0", "1.9.0", "1.10.0"):
            registry.add_image(repository, tag, seed=f"{repository}{tag}")
    policy: dict[str, t.Any] = {
        "retention_repositories": [{"name": registry.name("one")}, {"name": registry.name("two"), "keep_semver": "~1.8"}],
        "retention_keep_last": 1,
        "retention_sort": "version",
    }
    shown = _play("retention", tmp_path, **policy)
    assert shown.succeeded, shown.output
    assert [entry["deleted"] for entry in shown.facts["retention_planned"]["results"]] == [["1.8.0", "1.9.0"], ["1.9.0"]]
    assert registry.writes() == []
    assert "not one of the last 1" in shown.output
    assert "(item=" not in shown.output
    refused = _play("retention", tmp_path, retention_apply=True, retention_max_deletions=2, **policy)
    assert "The plan has 3 deletions, but retention_max_deletions is 2." in refused.output
    assert registry.writes() == []
    done = _play("retention", tmp_path, retention_apply=True, **policy)
    assert done.succeeded, done.output
    assert [entry["deleted"] for entry in done.facts["retention_deleted"]["results"]] == [["1.8.0", "1.9.0"], ["1.9.0"]]
    assert (sorted(registry.tags("one")), sorted(registry.tags("two"))) == (["1.10.0"], ["1.10.0", "1.8.0"])
    again = _play("retention", tmp_path, retention_apply=True, **policy)
    assert again.succeeded, again.output
    assert again.facts["retention_deleted"]["skipped"]


def test_retention_deletes_nothing_where_something_has_no_value(registry: FakeRegistry, tmp_path: Path) -> None:
    registry.add_image("one", "1")
    policy: dict[str, t.Any] = {
        "retention_repositories": [{"name": registry.name("one")}],
        "retention_keep_within": "1d",
        "retention_apply": True,
        "retention_keep_last": None,
    }
    done = _play("retention", tmp_path, **policy)
    assert not done.succeeded
    assert "no value" in done.output
    assert registry.log() == []


def test_mirror_tells_each_failure_of_one_image_for_two_places(make_registry: MakeRegistry, tmp_path: Path) -> None:
    source, destination = make_registry(), make_registry()
    source.add_image("app", "1")
    destination.on("put_manifest", path="one").answer(403, code="DENIED", message="not here")
    destination.on("put_manifest", path="two").answer(507, code="UNKNOWN", message="no room")
    listed = [{"src": source.name("app:1"), "dest": f"{place}:1"} for place in ("one", "two")]
    done = _play("mirror", tmp_path, mirror_images=listed, mirror_dest_registry=destination.host)
    assert not done.succeeded, done.output
    assert "2 of 2 images failed:" in done.output
    failures = done.facts["mirror_failures"]
    assert [failure["name"] for failure in failures] == [source.name("app:1")] * 2
    assert ["not here" in failures[0]["msg"], "no room" in failures[1]["msg"]] == [True, True]
    assert all(failure["msg"] in re.sub(r"\s+", " ", done.output) for failure in failures)
