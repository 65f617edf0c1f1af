# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The front for tasks on other hosts: a module of Ansible around a task."""

from __future__ import annotations

import threading
import typing as t

from ansible.module_utils.basic import AnsibleModule

from .._core.errors import RegistryError
from .._core.scrub import Scrubber
from .._core.secrets import register_secret
from .masking import masked_result
from .options import ArgumentSpec, connection_spec, find_secrets, keep_numbers
from .shapes import wrong_shape
from .signals import leave, orderly_end
from .task import Front, Task

if t.TYPE_CHECKING:
    from .._local.attributes import FileOptions


class RegistryModule(AnsibleModule):
    """The options of a task and its way out: nothing leaves but through the methods here, which scrub it."""

    def __init__(self, options: ArgumentSpec, **settings: t.Any) -> None:
        self.scrubber = Scrubber()
        self._lock = threading.Lock()
        self._options_known = False  # then they hold no secret that is not learnt yet
        super().__init__(argument_spec={**connection_spec(), **options}, supports_check_mode=True, **settings)
        self._learn_secrets()
        self._options_known = True

    def task(self) -> Task:
        """Return the task that the options describe."""
        front = Front(super().warn, super().log, self._register, lambda: str(self.tmpdir), self._file_options)
        return Task(self.params, front, self.scrubber, self.check_mode, self._diff)

    def _file_options(self, path: str) -> FileOptions:
        from .._local.attributes import FileOptions

        wanted = self.load_file_common_arguments(self.params, path)
        context = wanted["secontext"] if self.selinux_enabled() else []
        return FileOptions(wanted["owner"], wanted["group"], wanted["mode"], context, wanted["attributes"], self._symbolic_mode_to_octal)

    def _load_params(self) -> None:
        """Read the options as they were given."""
        super()._load_params()
        keep_numbers(self.params, self.argument_spec)

    def _set_internal_properties(self, *args: t.Any, **kwargs: t.Any) -> None:
        """Take what Ansible says of the task, and refuse values that ansible-core would trip over when it validates them."""
        super()._set_internal_properties(*args, **kwargs)
        wrong = wrong_shape(self.params, self.argument_spec)
        if wrong:
            self.fail_json(wrong)

    def add_secret(self, secret: str) -> None:
        """Mask ``secret`` in all that leaves."""
        self.scrubber.add(secret)
        self._register(secret)

    def _register(self, secret: str) -> None:
        if len(secret) >= 4:
            with self._lock:  # a new set: another thread may be reading the old one
                self.no_log_values = {*self.no_log_values, secret}
            register_secret(secret)

    def _learn_secrets(self) -> None:
        if self._options_known:
            return
        for secret in find_secrets(self.params, self.argument_spec):
            self.add_secret(secret)

    def _return_formatted(self, kwargs: dict[str, t.Any]) -> None:
        """Print a result, scrubbed: what the body gave, tracebacks of ansible-core, and the options of the task."""
        scrubbed = masked_result(kwargs, self.params, self.argument_spec, self.scrubber, self.warn)
        self.no_log_values = set()  # ansible-core would mask digests and numbers, in which they occur by chance
        self.scrubber.retire()
        super()._return_formatted(scrubbed)

    def fail_json(self, msg: str, **kwargs: t.Any) -> t.NoReturn:
        """End the task with an error; its ``error`` facts are always there.

        Where ansible-core calls this while the body runs, that is an error of the body: it ends the task, and with one result.
        """
        if self._options_known and "error" not in kwargs:
            raise RegistryError(msg, "local_io")
        self._learn_secrets()  # options may be refused before __init__ has come to its end
        kwargs.setdefault("error", RegistryError(msg, "invalid_option").facts())
        kwargs.pop("failed", None)  # ansible-core says so itself
        super().fail_json(msg=msg, **kwargs)

    def warn(self, warning: str, **kwargs: t.Any) -> None:
        """Give a warning, scrubbed."""
        super().warn(self.scrubber.shown(warning), **kwargs)

    def deprecate(
        self, msg: str, version: str | None = None, date: str | None = None, collection_name: str | None = None, **kwargs: t.Any
    ) -> None:
        """Announce that something ends, scrubbed."""
        super().deprecate(self.scrubber.shown(msg), version=version, date=date, collection_name=collection_name, **kwargs)

    def log(self, msg: str, log_args: t.Any = None) -> None:
        """Write a line to the journal of the host, scrubbed."""
        self._learn_secrets()  # the first line, with the options, comes before __init__ has come to its end
        super().log(self.scrubber.shown(msg), self.scrubber.value(log_args))


def run_module(options: ArgumentSpec, body: t.Callable[[Task], None], rules: t.Mapping[str, t.Any] | None = None) -> None:
    """Run a task's body as a module and end the process; ``rules`` are further arguments of AnsibleModule, such as ``required_one_of``."""
    module = RegistryModule(options, **(rules or {}))
    with orderly_end(leave):
        result = module.task().run(body, lambda failure: module.fail_json(**failure))
    module.exit_json(**result)
