# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a task as its module would get them: plain values, checked by the module's own specification."""

from __future__ import annotations

import datetime
import json
import typing as t

from ansible.module_utils.basic import FILE_COMMON_ARGUMENTS, AnsibleModule
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator, ValidationResult
from ansible.module_utils.errors import UnsupportedError

from ..module_utils._local.attributes import FileOptions
from ..module_utils._tasks.options import ArgumentSpec, connection_spec, keep_numbers

Map = t.Mapping[str, t.Any]


def plain(value: t.Any) -> t.Any:
    """Return ``value`` in the types that JSON has: what was vaulted as text, a date as text, a set as a list."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return int(value) if isinstance(value, int) else float(value)
    if isinstance(value, t.Mapping):
        return {_name(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return "".join(str(value))  # a text of its own, without what Ansible notes about it


def _name(key: t.Any) -> str:
    """Return the key of a dictionary as JSON has it, which a module gets: yes, which YAML takes for a boolean, as true."""
    return key if isinstance(key, str) else json.dumps(key)


def whole_spec(options: ArgumentSpec, rules: Map) -> ArgumentSpec:
    """Return every option of a module."""
    files = t.cast("ArgumentSpec", FILE_COMMON_ARGUMENTS) if rules.get("add_file_common_args") else {}
    return {**files, **connection_spec(), **options}


def validate(given: dict[str, t.Any], spec: ArgumentSpec, rules: Map) -> ValidationResult:
    """Hold the options against the specification as AnsibleModule does."""
    keep_numbers(given, spec)
    checks = {name: rule for name, rule in rules.items() if name != "add_file_common_args"}
    return t.cast("ValidationResult", ArgumentSpecValidator(spec, **checks).validate(given))


def fault(validation: ValidationResult, name: str, kind: str = "module") -> str:
    """Return what is wrong with the options of a module (or other ``kind`` of plugin), in ansible-core's words; "" if nothing is."""
    if not validation.error_messages:
        return ""
    message = str(validation.errors.msg)
    if isinstance(validation.errors[0], UnsupportedError):
        return f"Unsupported parameters for ({name}) {kind}: {message}"
    return message


def asks_for_context(given: Map) -> bool:
    """Return whether a task states an SELinux context: what it means is the business of AnsibleModule alone."""
    return any(given.get(name) for name in ("selevel", "serole", "setype", "seuser"))


def file_options(params: Map) -> FileOptions:
    """Return what the options for files mean, none of which is about SELinux."""
    owner, group, mode, attributes = (params.get(name) for name in ("owner", "group", "mode", "attributes"))
    return FileOptions(owner, group, mode, (), attributes, AnsibleModule._symbolic_mode_to_octal)
