# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters for names of images, called as a template calls them."""

from __future__ import annotations

import json
import random
import typing as t

import pytest
import yaml
from ansible.errors import AnsibleError, AnsibleFilterError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.ocitools.registry.plugins.filter.images import image_name, image_parse, image_sort
from ansible_collections.ocitools.registry.plugins.module_utils._core.errors import RegistryError
from ansible_collections.ocitools.registry.tests.unit.plugins.filter.documents import examples, filter_documents
from ansible_collections.ocitools.registry.tests.unit.plugins.properties import check_error, hostile_text, quick
from ansible_collections.ocitools.registry.tests.unit.plugins.vaulted import Vaulted
from hypothesis import given
from jinja2 import StrictUndefined
from jinja2.exceptions import UndefinedError

DIGEST = "sha256:" + "0123456789abcdef" * 4
OTHER = "sha512:" + "fedcba9876543210" * 8


class _OmitType:
    """Stands for the type of ``omit`` in ansible-core 2.19 and newer."""


def template(text: str, **variables: t.Any) -> t.Any:
    """Return what a template becomes."""
    return Templar(loader=DataLoader(), variables=_trusted(variables)).template(_trusted(text))


def _trusted(value: t.Any) -> t.Any:
    """Mark text as a template, which ansible-core wants from 2.19 on."""
    try:
        from ansible.template import trust_as_template
    except ImportError:
        return value
    return trust_as_template(value) if isinstance(value, str) else value


# image_parse


@pytest.mark.parametrize(
    ("name", "registry", "expected"),
    [
        ("alpine", None, ("docker.io", "library/alpine", None, None)),
        ("alpine:3.20", None, ("docker.io", "library/alpine", "3.20", None)),
        ("org/app", None, ("docker.io", "org/app", None, None)),
        ("index.docker.io/alpine:1", None, ("docker.io", "library/alpine", "1", None)),
        ("quay.io/org/app:1.2", None, ("quay.io", "org/app", "1.2", None)),
        ("localhost:5000/app", None, ("localhost:5000", "app", None, None)),
        ("[::1]:5000/app:1", None, ("[::1]:5000", "app", "1", None)),
        (f"quay.io/org/app:1.2@{DIGEST}", None, ("quay.io", "org/app", "1.2", DIGEST)),
        (f"quay.io/org/app@{OTHER}", None, ("quay.io", "org/app", None, OTHER)),
        ("https://quay.io/org/app/", None, ("quay.io", "org/app", None, None)),
        ("app:1", "registry.example.com/team", ("registry.example.com", "team/app", "1", None)),
        ("a.b/app:1", "registry.example.com", ("registry.example.com", "a.b/app", "1", None)),
    ],
)
def test_parts(name: str, registry: str | None, expected: tuple[str | None, ...]) -> None:
    host, repository, tag, digest = expected
    whole = f"{host}/{repository}{f':{tag}' if tag else ''}{f'@{digest}' if digest else ''}"
    parts = image_parse(name, registry)
    assert parts == {
        "image": whole,
        "name": f"{host}/{repository}",
        "registry": host,
        "repository": repository,
        "tag": tag,
        "digest": digest,
    }
    assert image_parse(parts["image"]) == parts
    assert json.loads(json.dumps(parts)) == parts


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("App", "upper-case"),
        ("a//b", "empty part"),
        ("a/../b", "not allowed"),
        ("app:", "tag"),
        ("app:a b", "blank"),
        ("app@sha256:12", "64"),
        ("http://quay.io/app", "plain_http"),
        ("user:secret@quay.io/app", "user information"),
        ("", "empty"),
    ],
)
def test_a_name_that_breaks_a_rule_names_the_rule(name: str, rule: str) -> None:
    for call in (image_parse, image_name, lambda text: image_sort(["app:1", f"quay.io//{text}"])):
        with pytest.raises(AnsibleFilterError) as caught:
            call(name)
        assert "secret" not in str(caught.value)
    with pytest.raises(AnsibleFilterError, match=f"^image_parse: .*{rule}"):
        image_parse(name)


def test_a_name_that_names_a_registry_beside_one_with_a_prefix_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match=r"^image_parse: .*names a registry itself; leave out one of the two"):
        image_parse("quay.io/org/db:16", "registry.example.com/team")


@pytest.mark.parametrize("value", [1.10, None, ["app"], {"a": 1}, True, b"app"])
def test_what_is_no_text_is_refused(value: t.Any) -> None:
    for call in (image_parse, image_name, lambda item: image_sort([item])):
        with pytest.raises(AnsibleFilterError, match=f"must be a string, not {type(value).__name__}"):
            call(value)


def test_vaulted_values_of_old_ansible_core_are_decrypted() -> None:
    host, name = Vaulted("quay.io"), Vaulted("org/app:2")
    assert image_name(name, registry=host) == "quay.io/org/app:2"
    assert image_parse(name, host)["name"] == "quay.io/org/app"
    assert image_sort([name, "org/app:10", "org/app:1"]) == ["org/app:1", "org/app:2", "org/app:10"]


@pytest.mark.parametrize("omit", [f"__omit_place_holder__{'0' * 40}", _OmitType()])
def test_omit_is_no_part_of_a_name(omit: t.Any) -> None:
    calls: list[t.Callable[[], t.Any]] = [
        lambda: image_parse("app:1", omit),
        lambda: image_name("app:1", tag=omit),
        lambda: image_sort(["app:1", omit]),
    ]
    for call in calls:
        with pytest.raises(AnsibleFilterError, match="is omit, which works only in options of tasks: use none instead"):
            call()


def test_what_is_undefined_says_so_itself() -> None:
    for call in (image_parse, image_name, image_sort, lambda item: image_sort([item])):
        with pytest.raises(UndefinedError, match="'image' is undefined"):
            call(StrictUndefined(name="image"))


@quick
@given(hostile_text)
def test_any_text_gives_parts_or_a_clear_word(text: str) -> None:
    try:
        parts = image_parse(text)
    except AnsibleFilterError as error:
        check_error(RegistryError(str(error), "invalid_reference"))
    else:
        assert image_parse(parts["image"]) == parts


# image_name


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("alpine:3.20", {}, "docker.io/library/alpine:3.20"),
        ("alpine:3.20", {"registry": "mirror.example.com"}, "mirror.example.com/library/alpine:3.20"),
        ("alpine:3.20", {"registry": "https://mirror.example.com/v2/"}, "mirror.example.com/library/alpine:3.20"),
        ("alpine:3.20", {"registry": "mirror.example.com/hub"}, "mirror.example.com/hub/library/alpine:3.20"),
        ("alpine:3.20", {"registry": "mirror.example.com:5000", "prefix": "hub"}, "mirror.example.com:5000/hub/library/alpine:3.20"),
        ("alpine:3.20", {"registry": "mirror.example.com/a", "prefix": "b/c"}, "mirror.example.com/a/b/c/library/alpine:3.20"),
        ("quay.io/org/app:1", {"prefix": "copy"}, "quay.io/copy/org/app:1"),
        ("quay.io/org/app", {"tag": "2"}, "quay.io/org/app:2"),
        ("quay.io/org/app:1", {"tag": "2"}, "quay.io/org/app:2"),
        (f"quay.io/org/app:1@{DIGEST}", {"tag": "2"}, "quay.io/org/app:2"),
        (f"quay.io/org/app:1@{DIGEST}", {"tag": "2", "digest": OTHER}, f"quay.io/org/app:2@{OTHER}"),
        (f"quay.io/org/app:1@{DIGEST}", {"tag": ""}, f"quay.io/org/app@{DIGEST}"),
        (f"quay.io/org/app:1@{DIGEST}", {"digest": ""}, "quay.io/org/app:1"),
        (f"quay.io/org/app:1@{DIGEST}", {"digest": OTHER}, f"quay.io/org/app:1@{OTHER}"),
        (f"quay.io/org/app:1@{DIGEST}", {"registry": "mirror.example.com"}, f"mirror.example.com/org/app:1@{DIGEST}"),
        ("quay.io/org/app:1", {"digest": DIGEST}, f"quay.io/org/app:1@{DIGEST}"),
        ("quay.io/org/app:1", {"registry": "", "prefix": ""}, "quay.io/org/app:1"),
    ],
)
def test_parts_are_changed(name: str, changes: dict[str, str], expected: str) -> None:
    assert image_name(name, **changes) == expected


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"registry": "a b"}, "blank"),
        ({"registry": "http://mirror.example.com"}, "plain_http"),
        ({"registry": "user:secret@mirror.example.com"}, "use the options"),
        ({"prefix": "../x"}, "not allowed"),
        ({"prefix": "Hub"}, "upper-case"),
        ({"prefix": "x" * 260}, "255"),
        ({"tag": "a b"}, "tag"),
        ({"tag": 1.10}, "tag must be a string, not float"),
        ({"digest": "sha256:12"}, "64"),
        ({"digest": "md5:" + "0" * 32}, "sha256"),
    ],
)
def test_a_part_that_breaks_a_rule_names_the_rule(changes: dict[str, t.Any], word: str) -> None:
    with pytest.raises(AnsibleFilterError, match=f"^image_name: .*{word}") as caught:
        image_name("quay.io/org/app:1", **changes)
    assert "secret" not in str(caught.value)


# image_sort


def test_images_are_sorted_by_repository_and_version() -> None:
    expected = [
        "docker.io/library/zoo:1",
        "quay.io/app:1.9",
        "quay.io/app:1.10-rc1",
        "quay.io/app:v1.10",
        f"quay.io/app:1.11@{DIGEST}",
        f"quay.io/app@{DIGEST}",
        "quay.io/app",
        "quay.io/db:1.2",
    ]
    shuffled = list(expected)
    random.Random(1).shuffle(shuffled)
    assert image_sort(shuffled) == expected
    assert image_sort(shuffled, reverse=True) == [
        "docker.io/library/zoo:1",
        f"quay.io/app:1.11@{DIGEST}",
        "quay.io/app:v1.10",
        "quay.io/app:1.10-rc1",
        "quay.io/app:1.9",
        "quay.io/app",
        f"quay.io/app@{DIGEST}",
        "quay.io/db:1.2",
    ]


def test_tags_alone_are_sorted_too() -> None:
    assert image_sort(["latest", "1.10", "1.9", "1.10-rc1"]) == ["1.9", "1.10-rc1", "1.10", "latest"]
    assert image_sort([]) == []
    assert image_sort(("2", "1")) == ["1", "2"]


@pytest.mark.parametrize("value", ["app:1", {"app:1": 1}, None, 3])
def test_what_is_no_list_is_refused(value: t.Any) -> None:
    with pytest.raises(AnsibleFilterError, match=f"expected a list of images, not {type(value).__name__}"):
        image_sort(value)


@pytest.mark.parametrize("tag", ["a b", "-a", "x" * 129, "9" * 5000, "\u0661"])
def test_a_tag_that_is_none_is_refused(tag: str) -> None:
    with pytest.raises(AnsibleFilterError, match=r"^image_sort: "):
        image_sort(["1.0", tag])


# In templates


@pytest.mark.parametrize(("reverse", "first"), [(True, "2"), ("yes", "2"), ("no", "1"), ("false", "1"), (False, "1")])
def test_reverse_is_what_ansible_takes_for_true(reverse: object, first: str) -> None:
    assert image_sort(["1", "2"], reverse=reverse)[0] == first


def test_reverse_that_is_neither_true_nor_false_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="reverse is 'newest': it must be true or false"):
        image_sort(["1", "2"], "newest")


def test_templates_find_the_filters() -> None:
    assert (
        template("{{ image | ocitools.registry.image_name(registry='m.example.com') }}", image="alpine:3")
        == "m.example.com/library/alpine:3"
    )
    assert template("{{ (image | ocitools.registry.image_parse).tag }}", image="alpine:3.20-x") == "3.20-x"
    assert template("{{ tags | ocitools.registry.image_sort(reverse=true) | first }}", tags=["1.9", "1.10"]) == "1.10"


def test_a_template_that_fails_says_why() -> None:
    with pytest.raises(AnsibleError, match="upper-case"):
        template("{{ 'App' | ocitools.registry.image_parse }}")


@pytest.mark.parametrize("name", sorted(filter_documents()))
def test_the_examples_are_right(name: str) -> None:
    document = filter_documents()[name]
    assert document["DOCUMENTATION"]["name"] == name
    for text, expected in examples(document):
        result = template(text, app_image="quay.io/org/app:1", found={"images": [{"digest": DIGEST}]})
        if expected is None:
            assert result == f"quay.io/org/app:1@{DIGEST}"
        elif isinstance(result, dict):
            assert result == yaml.safe_load("{" + expected + "}")
        else:
            assert result == expected
