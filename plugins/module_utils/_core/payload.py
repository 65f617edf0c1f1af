# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Import what Ansible sends to a host, a zip file of source: each file is compiled once, and no thread sees half of a module.

Python's own importer compiles each file twice. Before Python 3.10 it also lets a thread have a module that another thread still imports.
"""

from __future__ import annotations

import sys
import typing as t
from importlib.machinery import SourceFileLoader
from importlib.util import spec_from_file_location
from zipimport import ZipImportError, zipimporter

if t.TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType


class PayloadImporter(zipimporter):
    """Finds a file by its name; zipimport compiles it to tell how it is called, and once more to run it."""

    def find_spec(self, fullname: str, target: t.Any = None) -> ModuleSpec | None:
        """Return where the module is, None where it is not in the zip file."""
        try:
            is_package = self.is_package(fullname)
        except ZipImportError:  # a folder that is no package, or nothing
            return super().find_spec(fullname, target) if hasattr(zipimporter, "find_spec") else None
        folder = f"{self.archive}/{self.prefix}{fullname.rpartition('.')[2]}"
        if is_package:
            return spec_from_file_location(fullname, f"{folder}/__init__.py", loader=self, submodule_search_locations=[folder])
        return spec_from_file_location(fullname, f"{folder}.py", loader=self)

    def create_module(self, spec: ModuleSpec) -> None:
        """Let Python make the module."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the module; a loader that has this, and not only ``load_module``, has other threads wait until it is whole."""
        SourceFileLoader.exec_module(t.cast(SourceFileLoader, self), module)


def compile_once() -> None:
    """Let what is imported from a payload from now on be compiled once; does nothing elsewhere."""
    if not isinstance(__spec__.loader, zipimporter):
        return
    sys.path_hooks.insert(0, PayloadImporter)
    for path in [path for path, finder in sys.path_importer_cache.items() if isinstance(finder, zipimporter)]:
        del sys.path_importer_cache[path]
