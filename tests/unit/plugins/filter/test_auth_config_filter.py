# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter auth_config: nothing but whole logins, and no value in a message."""

from __future__ import annotations

import typing as t

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.ocitools.registry.plugins.filter.auth_config import auth_config
from jinja2 import StrictUndefined
from jinja2.exceptions import UndefinedError

GOOD = {"username": "me", "password": "c4nary-untold"}


def test_logins_are_taken_as_they_are() -> None:
    assert auth_config({"reg.example.com": GOOD, "quay.io/org": GOOD}) == {"auths": {"reg.example.com": GOOD, "quay.io/org": GOOD}}
    assert auth_config({}) == {"auths": {}}


def test_a_task_can_tell_what_its_role_calls_them() -> None:
    assert auth_config({"reg.example.com": GOOD}, "mirror_credentials") == {
        "auths": {"reg.example.com": GOOD},
        "givenAs": "mirror_credentials",
    }


@pytest.mark.parametrize(
    "login",
    [
        {"user": "me", "password": "c4nary-untold"},
        {**GOOD, "email": "x"},
        {"username": "me"},
        {**GOOD, "password": ""},
        {**GOOD, "password": None},
        {**GOOD, "password": 123456},
        {**GOOD, "password": ["c4nary-untold"]},
        {},
        None,
        "me:c4nary-untold",
    ],
)
def test_any_other_login_is_refused_by_its_host_alone(login: t.Any) -> None:
    with pytest.raises(AnsibleFilterError) as caught:
        auth_config({"good.example.com": GOOD, "bad.example.com": login}, "my_credentials")
    assert str(caught.value).startswith("my_credentials must have username and password for each registry host")
    assert str(caught.value).endswith("'bad.example.com'.")
    assert "c4nary" not in str(caught.value)


def test_what_is_undefined_says_so_itself() -> None:
    with pytest.raises(UndefinedError, match="'logins' is undefined"):
        auth_config(StrictUndefined(name="logins"))


@pytest.mark.parametrize("given", [None, "reg.example.com", [GOOD], 5])
def test_what_is_no_dictionary_is_refused(given: t.Any) -> None:
    with pytest.raises(AnsibleFilterError, match=r"^The input must be a dictionary"):
        auth_config(given)
