# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Import this collection as Python imports any package: Ansible's importer compiles each file anew in every process, which costs a play 0.1 s."""

from __future__ import annotations

import contextlib
import sys
import typing as t
from importlib.abc import MetaPathFinder
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, ModuleSpec, SourceFileLoader

_OWN = f"{__name__.rpartition('.plugin_utils.')[0]}."


class _Finder(MetaPathFinder):
    """Finds the files of this collection, which then come from ``__pycache__`` where they are there, and are put there where that can be written."""

    def find_spec(self, fullname: str, path: t.Sequence[str] | None, target: t.Any = None) -> ModuleSpec | None:
        """Return where a module is; None for what is not a file of this collection, which others find."""
        for folder in path if path and fullname.startswith(_OWN) else ():
            spec = FileFinder(folder, (SourceFileLoader, SOURCE_SUFFIXES)).find_spec(fullname)
            if spec is not None and spec.loader is not None:
                return spec
        return None


@contextlib.contextmanager
def compiled_imports() -> t.Iterator[None]:
    """Use compiled code for what is imported in the block."""
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
