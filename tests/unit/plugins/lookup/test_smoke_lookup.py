# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup against the fake registry with a token server."""

from __future__ import annotations

import typing as t

import pytest
from ansible.errors import AnsibleLookupError
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import plugin
from ansible_collections.ocitools.registry.tests.unit.plugins.vaulted import Vaulted
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from jinja2 import StrictUndefined


def test_digests_in_order_within_the_budget(token_registry: FakeRegistry, run_lookup: t.Callable[..., list[t.Any]]) -> None:
    added = [token_registry.add_image("app", tag).digest for tag in ("1", "2")]
    other = token_registry.add_image("db", "1").digest
    assert run_lookup(["app:2", "db:1", "app:1"], **token_registry.args()) == [added[1], other, added[0]]
    assert len(token_registry.log()) == 3 + 1 + 2


def test_options_from_variables(token_registry: FakeRegistry, run_lookup: t.Callable[..., list[t.Any]]) -> None:
    added = token_registry.add_image("app", "1")
    options = token_registry.args()
    variables = {f"ocitools_registry_{name}": options.pop(name) for name in ("username", "password")}
    assert run_lookup(["app:1"], variables, **options) == [added.digest]


def test_a_misspelt_option_is_refused_and_its_value_is_not_shown(registry: FakeRegistry, run_lookup: t.Callable[..., list[t.Any]]) -> None:
    with pytest.raises(AnsibleLookupError, match="has no option passwd, userame: run ansible-doc") as caught:
        run_lookup(["app:1"], userame="ci", passwd="s3cret", **registry.args())
    assert "s3cret" not in str(caught.value)
    assert registry.requests == []


def test_other_names_of_options_are_taken(registry: FakeRegistry, run_lookup: t.Callable[..., list[t.Any]]) -> None:
    added = registry.add_image("app", "1")
    assert run_lookup([registry.name("app:1")], plain_http=True, jobs=2, tls_verify=True) == [added.digest]


def test_a_loop_of_old_ansible_core_is_served(registry: FakeRegistry, run_lookup: t.Callable[..., list[t.Any]]) -> None:
    added = registry.add_image("app", "1")
    assert run_lookup(["app:1"], wantlist=True, **registry.args()) == [added.digest]  # as it calls with_ocitools.registry.registry_digest


def test_a_vaulted_name_of_old_ansible_core_is_a_term(registry: FakeRegistry, run_lookup: t.Callable[..., list[t.Any]]) -> None:
    added = registry.add_image("app", "1")
    assert run_lookup([Vaulted("app:1")], **registry.args()) == [added.digest]


def test_a_list_in_place_of_terms_is_refused_with_a_way_out(registry: FakeRegistry, run_lookup: t.Callable[..., list[t.Any]]) -> None:
    with pytest.raises(AnsibleLookupError, match=r"put \* before the list"):
        run_lookup([["app:1", "db:1"]], **registry.args())
    assert registry.requests == []


def test_t39_a_dictionary_in_place_of_a_term_is_refused_and_not_shown(
    registry: FakeRegistry, run_lookup: t.Callable[..., list[t.Any]]
) -> None:
    with pytest.raises(AnsibleLookupError, match="A term is a dictionary, not the name of an image: give the name alone") as failed:
        run_lookup([{"name": "app:1", "password": "c4nary-in-a-term"}], **registry.args())
    assert "c4nary" not in str(failed.value)
    assert registry.requests == []


def test_omit_leaves_out_nothing_of_a_lookup(registry: FakeRegistry, run_lookup: t.Callable[..., list[t.Any]]) -> None:
    omit = f"__omit_place_holder__{'0' * 40}"  # as ansible-core before 2.19 has it
    with pytest.raises(AnsibleLookupError, match="The option missing is omit, which works only in options of tasks: use none instead"):
        run_lookup(["app:1"], **registry.args(missing=omit))
    with pytest.raises(AnsibleLookupError, match="A term is omit"):
        run_lookup(["app:1", omit], **registry.args())
    assert registry.requests == []


def test_an_index_that_lacks_a_child_is_not_absent(registry: FakeRegistry, run_lookup: t.Callable[..., list[t.Any]]) -> None:
    index = registry.add_index("app", "1", platforms=["linux/amd64", "linux/arm64"])
    registry.remove_manifest("app", index.children["linux/amd64"].digest)
    with pytest.raises(AnsibleLookupError, match="is damaged"):
        run_lookup(["app:1"], **registry.args(platform="linux/amd64", missing="empty"))


def test_a_missing_library_has_to_be_installed_for_ansible_itself(
    registry: FakeRegistry, run_lookup: t.Callable[..., list[t.Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin("module_utils._http.sockets"), "HAS_REQUESTS", False)
    with pytest.raises(AnsibleLookupError, match="A lookup runs in the Python of Ansible itself") as failed:
        run_lookup(["app:1"], **registry.args())
    assert "ansible_python_interpreter" not in str(failed.value)


REFUSED: list[tuple[dict[str, t.Any], str]] = [
    ({"auth_file": '{"auths": {"a.example": {"password": "c4nary-in-a-path"}}}'}, "auth_file has the content of a file, not a path"),
    ({"auth_file": {"auths": {"a.example": {"password": "c4nary-in-a-path"}}}}, "auth_file has the content of a file, not a path"),
    ({"client_key": "-----BEGIN PRIVATE KEY-----\nc4nary-in-a-path"}, "client_key has the content of a file, not a path"),
    ({"password": {"a": "c4nary-in-a-path"}, "username": "ci"}, "password is a dictionary"),
    ({"validate_certs": "ture"}, "validate_certs is 'ture': it must be true or false"),
    ({"verify": True}, "verify is a boolean: it must be a dictionary with keys"),
    ({"auth_config": [1]}, "auth_config is a list: give the content"),
    ({"concurrency": "inf"}, "concurrency is 'inf': it must be a whole number"),
    ({"allowed_hosts": [None]}, "allowed_hosts "),
    ({"auth_hosts": [1.5, "a b"]}, "auth_hosts "),
]


@pytest.mark.parametrize("by_variable", [False, True])
@pytest.mark.parametrize(("options", "words"), REFUSED)
def test_t39_what_the_lookup_cannot_use_is_refused_and_not_shown(
    registry: FakeRegistry, run_lookup: t.Callable[..., list[t.Any]], by_variable: bool, options: dict[str, t.Any], words: str
) -> None:
    variables = {f"ocitools_registry_{name}": value for name, value in options.items()} if by_variable else {}
    with pytest.raises(AnsibleLookupError) as failed:
        run_lookup(["app:1"], variables, **registry.args(), **({} if by_variable else options))
    assert f"The option {words}" in str(failed.value)
    assert "c4nary-in-a-path" not in str(failed.value)
    assert registry.log() == []


@pytest.mark.parametrize("option", ["verify", "ca_path"])
def test_an_undefined_variable_is_told_as_one(registry: FakeRegistry, run_lookup: t.Callable[..., list[t.Any]], option: str) -> None:
    with pytest.raises(AnsibleLookupError, match=r"[Uu]ndefined") as failed:  # as ansible-core before 2.19 hands them to plugins
        run_lookup(["app:1"], **{**registry.args(), option: StrictUndefined(name="wanted")})
    assert "is null" not in str(failed.value)


@pytest.mark.parametrize("option", ["ca_path", "ca_cert", "client_cert", "auth_file"])
@pytest.mark.parametrize("by_variable", [False, True])
def test_an_empty_path_is_not_the_folder_that_ansible_runs_in(
    registry: FakeRegistry, run_lookup: t.Callable[..., list[t.Any]], option: str, by_variable: bool
) -> None:
    variables = {f"ocitools_registry_{option}": ""} if by_variable else {}
    with pytest.raises(AnsibleLookupError, match=f"The option {option} is empty: an unset variable"):
        run_lookup(["app:1"], variables, **{**registry.args(), **({} if by_variable else {option: ""})})
    assert registry.log() == []
