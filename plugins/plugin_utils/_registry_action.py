# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The front for tasks on the controller: they run in Ansible's own worker where that is right, else as the module of the same name."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import traceback
import typing as t
from types import ModuleType

from ansible import constants
from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.release import __version__ as core_version
from ansible.utils.display import Display
from ansible.utils.vars import merge_hash

from ..module_utils._core.errors import RegistryError
from ..module_utils._core.progress import Progress
from ..module_utils._core.scrub import Scrubber
from ..module_utils._core.secrets import register_secret
from ..module_utils._http import keychain
from ..module_utils._tasks.masking import masked_result
from ..module_utils._tasks.options import ArgumentSpec, find_secrets
from ..module_utils._tasks.shapes import wrong_shape
from ..module_utils._tasks.signals import orderly_end, pass_on
from ..module_utils._tasks.task import Front, Task
from ._arguments import asks_for_context, fault, file_options, plain, validate, whole_spec
from ._in_process import may_run_here, working_directory
from ._path_facts import add_path_facts
from ._progress_lines import find_pause, progress_output

Result = dict[str, t.Any]
Map = t.Mapping[str, t.Any]


class RegistryAction(ActionBase):
    """A task of this collection; each module has a class with its options and its body.

    A body imports some of its modules where it uses them. Those in ``preloaded`` are imported with the class: by Ansible itself, once a play,
    and not by each task in a process of its own.
    """

    TRANSFERS_FILES = False
    _supports_async = True
    _supports_check_mode = True

    options: t.ClassVar[ArgumentSpec]
    rules: t.ClassVar[Map] = {}
    preloaded: t.ClassVar[tuple[ModuleType, ...]] = (keychain,)
    run_task: t.Callable[[Task], None]

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> Result:
        """Run the task, here or as a module."""
        result: Result = super().run(tmp, task_vars)
        variables = task_vars or {}
        if may_run_here(self, variables) and not asks_for_context(self._task.args):
            return {**result, **self._run_here(variables)}
        wrap_async = self._task.async_val and not getattr(self._connection, "has_native_async", False)
        result = merge_hash(result, self._execute_module(task_vars=task_vars, wrap_async=wrap_async))
        if not wrap_async:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return result

    def _run_here(self, variables: Map) -> Result:
        scrubber = Scrubber()
        try:
            return self._masked(variables, scrubber)
        finally:
            scrubber.retire()

    def _masked(self, variables: Map, scrubber: Scrubber) -> Result:
        given = {name: value for name, value in plain(self._task.args).items() if not name.startswith("_ansible_")}
        spec = whole_spec(self.options, self.rules)
        wrong = wrong_shape(given, spec)
        validation = validate({} if wrong else given, spec, self.rules)
        params = given if wrong else validation.validated_parameters
        for secret in find_secrets(params, spec):
            scrubber.add(secret)
            register_secret(secret)
        warnings = [f"Both option {both['option']} and its alias {both['alias']} are set." for both in validation._warnings]
        wrong = wrong or fault(validation, getattr(self._task, "resolved_action", None) or self._task.action)
        result = _failure(RegistryError(wrong, "invalid_option")) if wrong else self._run_body(params, variables, scrubber, warnings)
        result = masked_result(result, params, spec, scrubber, warnings.append)
        if not _shows_invocation(variables):
            del result["invocation"]
        if warnings:
            result["warnings"] = [scrubber.shown(text) for text in warnings]
        return result

    def _run_body(self, params: dict[str, t.Any], variables: Map, scrubber: Scrubber, warnings: list[str]) -> Result:
        folders: list[str] = []

        def make_tmpdir() -> str:
            folders.append(self._make_folder())
            return folders[0]

        try:
            progress = self._progress(variables, scrubber)
        except RegistryError as error:
            return _failure(error)
        front = Front(warnings.append, _keep_to_oneself, register_secret, make_tmpdir, lambda _path: file_options(params), progress)
        result = _failure(RegistryError("The task was ended by a signal.", "server"))  # where the one who gets it goes on all the same
        with orderly_end(pass_on, lambda: _remove(folders)), working_directory(self._loader.get_basedir()):
            task = Task(params, front, scrubber, self._task.check_mode, self._task.diff)
            result = task.run(type(self).run_task, _add_traceback)
            add_path_facts(result)
        return result

    def _progress(self, variables: Map, scrubber: Scrubber) -> Progress:
        output = progress_output(self, variables, find_pause(self, variables), scrubber.shown)
        return Progress(type(self).__module__.rpartition(".")[2], output)

    def _make_folder(self) -> str:
        """Make a folder for temporary files where a module would have it."""
        wanted = os.path.expanduser(os.path.expandvars(str(self._connection._shell.get_option("remote_tmp"))))
        try:
            os.makedirs(wanted, mode=0o700, exist_ok=True)
            return tempfile.mkdtemp(prefix="ocitools-", dir=wanted)
        except OSError:
            return tempfile.mkdtemp(prefix="ocitools-", dir=vars(constants)["DEFAULT_LOCAL_TMP"])  # to read the setting makes another one


def _failure(error: RegistryError) -> Result:
    return {"changed": False, "failed": True, "msg": error.message, "error": error.facts()}


def _remove(folders: t.Iterable[str]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _keep_to_oneself(_text: str) -> None:
    """Write no line to the journal: the worker is Ansible itself, which has a log of its own."""


def _add_traceback(failure: Result) -> None:
    """Add where the task failed at -vvv, as modules do before ansible-core 2.19; newer ones have a setting for it, of their own."""
    if Display().verbosity >= 3 and tuple(map(int, core_version.split(".")[:2])) < (2, 19):
        failure["exception"] = "".join(traceback.format_tb(sys.exc_info()[2]))


def _shows_invocation(variables: Map) -> bool:
    """Return whether the result tells the options: always before ansible-core 2.21, by a setting since."""
    try:
        return bool(constants.config.get_config_value("INJECT_INVOCATION", variables=variables))
    except (AnsibleError, KeyError):
        return True
