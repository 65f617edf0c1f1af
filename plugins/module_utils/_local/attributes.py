# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Owner, group, mode, SELinux context and attributes, given to open files and folders: what comes to lie at their path is not touched."""

from __future__ import annotations

import errno
import fcntl
import grp
import os
import pwd
import stat
import struct
import typing as t
from dataclasses import dataclass

from .._core.errors import RegistryError
from .._core.scrub import quoted
from .disk import disk_errors
from .open_path import Found

State = dict[str, t.Any]


@dataclass(frozen=True)
class FileOptions:
    """The options that Ansible has for files; None, or an empty context, for what a task does not state."""

    owner: str | int | None
    group: str | int | None
    mode: str | int | None
    context: t.Sequence[str | None]
    attributes: str | None
    read_symbolic_mode: t.Callable[[os.stat_result, str], int]


Changes = dict[str, tuple[t.Any, t.Any, t.Callable[[], t.Any]]]  # by name: what is, what shall be, and how to make it so
Step = t.Callable[[Found, os.stat_result], Changes]
_NO_OWNER = 2**32 - 1  # the number that says to keep an owner
_LABEL = "security.selinux"
_FLAGS = {
    "s": 0x1,
    "u": 0x2,
    "c": 0x4,
    "S": 0x8,
    "i": 0x10,
    "a": 0x20,
    "d": 0x40,
    "A": 0x80,
    "m": 0x400,
    "j": 0x4000,
    "t": 0x8000,
    "D": 0x10000,
    "T": 0x20000,
    "C": 0x800000,
    "x": 0x2000000,
    "P": 0x20000000,
    "F": 0x40000000,
}
_KEPT_FLAGS = "eEhINV"  # the file system's own: chattr shows them, and they stay as they are
_SWAPPED = ("ppc", "mips", "sparc", "alpha")  # machines on which the numbers of calls have reading and writing the other way round


def _call(number: int, reads: bool) -> int:
    swapped = os.uname().machine.startswith(_SWAPPED)
    direction = (2 if reads else 1) << 30 if not swapped else (2 if reads else 4) << 29
    return direction | struct.calcsize("l") << 16 | ord("f") << 8 | number


class Attributes:
    """What a task states of the attributes of the files that it writes."""

    def __init__(self, wanted: FileOptions, check_mode: bool) -> None:
        self._wanted = wanted
        self._check_mode = check_mode

    @property
    def has_others(self) -> bool:
        """Whether the task states more than owner, group and mode."""
        return any(self._wanted.context) or self._wanted.attributes is not None

    @property
    def hides_new(self) -> bool:
        """Whether new files are their owner's alone until they have their mode: one that is added to another mode needs that other one first."""
        return self._wanted.mode is not None and not set("+-") & set(str(self._wanted.mode))

    def apply(self, file: Found, predict: bool = False, placed: bool = True) -> dict[str, State]:
        """Give an open file or folder its attributes, or ``predict`` that; return the states of what changes.

        One that is not ``placed`` is still to be renamed, which some attributes would forbid.
        """
        steps = [self._owner, self._mode, self._context, *([self._attributes] if placed else [])]
        return self._apply(file, steps, predict or self._check_mode)

    def apply_to_all(self, files: t.Callable[[], t.Iterable[Found]], on_change: t.Callable[[], None]) -> None:
        """Give all ``files`` their attributes, and tell ``on_change`` of each that has changed.

        Folders come last: a folder says who may have put something into it until it gets another mode.
        """
        for are_folders in (False, True):
            for file in files():
                if file.is_folder is are_folders and self.apply(file):
                    on_change()

    def apply_others(self, file: Found, predict: bool = False) -> dict[str, State]:
        """Do the same for all but owner, group and mode, which the file has from ``of_new``: a symbolic mode would be added to itself."""
        return self._apply(file, [self._context, self._attributes], predict or self._check_mode)

    def _apply(self, file: Found, steps: t.Sequence[Step], predict: bool) -> dict[str, State]:
        states: dict[str, State] = {"before": {}, "after": {}}
        with disk_errors(file.path):
            for step in steps:
                found = os.fstat(file.descriptor)
                for name, (before, after, change) in step(file, found).items():
                    if before == after:
                        continue
                    _check_alone(file, found)
                    states["before"][name], states["after"][name] = before, after
                    if not predict:
                        change()
        return states if states["before"] else {}

    def of_new(self, mode: int, owner: int | None, group: int | None, is_folder: bool) -> tuple[int, int | None, int | None]:
        """Return mode, owner and group of a file or folder that would have these without the task's word; None for what is left open."""
        if self._wanted.mode is not None:
            kind = stat.S_IFDIR if is_folder else stat.S_IFREG
            mode = self._number_of_mode(self._wanted.mode, os.stat_result((kind | mode, *[0] * 9)), is_folder)
        if self._wanted.owner is not None:
            owner = _number(self._wanted.owner, lambda name: pwd.getpwnam(name).pw_uid, "owner", "user")
        if self._wanted.group is not None:
            group = _number(self._wanted.group, lambda name: grp.getgrnam(name).gr_gid, "group", "group")
        return mode, owner, group

    def _owner(self, file: Found, found: os.stat_result) -> Changes:
        changes: Changes = {}
        owner, group = self._wanted.owner, self._wanted.group
        if owner is not None:
            uid = _number(owner, lambda name: pwd.getpwnam(name).pw_uid, "owner", "user")
            changes["owner"] = (found.st_uid, uid, lambda: os.fchown(file.descriptor, uid, -1))
        if group is not None:
            gid = _number(group, lambda name: grp.getgrnam(name).gr_gid, "group", "group")
            changes["group"] = (found.st_gid, gid, lambda: os.fchown(file.descriptor, -1, gid))
        return changes

    def _mode(self, file: Found, found: os.stat_result) -> Changes:
        stated = self._wanted.mode
        if stated is None:
            return {}
        mode = self._number_of_mode(stated, found, file.is_folder)
        return {"mode": (_octal(found.st_mode), _octal(mode), lambda: os.fchmod(file.descriptor, mode))}

    def _number_of_mode(self, stated: t.Any, found: os.stat_result, is_folder: bool) -> int:
        if isinstance(stated, bool) or not isinstance(stated, (int, str)) or stated == "":
            message = f'The option mode is {quoted(stated, 100)}: it must be an octal number such as "0644", or a symbolic mode such as u=rw,go=r.'
            raise RegistryError(message, "invalid_option")
        try:
            number = int(stated, 8) if isinstance(stated, str) else int(stated)
        except ValueError:
            try:
                number = int(self._wanted.read_symbolic_mode(found, str(stated)))
            except (TypeError, ValueError) as error:
                raise RegistryError(
                    f"The mode {quoted(stated, 100)} is neither an octal number nor a symbolic mode: {error}.", "invalid_option"
                ) from None
        if not 0 <= number <= 0o7777:
            raise RegistryError(f"The mode {quoted(stated, 100)} contains more than permissions.", "invalid_option")
        # Whoever may read a folder may enter it.
        return number | (number & 0o444) >> 2 if is_folder else number

    def _context(self, file: Found, found: os.stat_result) -> Changes:
        wanted = self._wanted.context
        if not any(wanted):
            return {}
        try:
            label = os.getxattr(file.descriptor, _LABEL).rstrip(b"\0").decode()
        except OSError as error:
            if error.errno == errno.ENOTSUP:
                return {}  # a file system that gives one context to all
            raise
        before = label.split(":", 3)
        after = [(wanted[number] if number < len(wanted) else None) or part for number, part in enumerate(before)]
        return {"secontext": (before, after, lambda: os.setxattr(file.descriptor, _LABEL, ":".join(after).encode() + b"\0"))}

    def _attributes(self, file: Found, found: os.stat_result) -> Changes:
        stated = self._wanted.attributes
        if stated is None:
            return {}
        how, letters = (stated[0], stated[1:]) if stated[:1] in ("+", "-", "=") else ("=", stated)
        unknown = [letter for letter in letters if letter not in _FLAGS and letter not in _KEPT_FLAGS]
        if unknown:
            raise RegistryError(f"The option attributes has the letter {unknown[0]!a}, which is not a file attribute.", "invalid_option")
        bits = sum(_FLAGS.get(letter, 0) for letter in set(letters))
        size = struct.calcsize("l")
        before = int.from_bytes(
            fcntl.ioctl(file.descriptor, _call(1, True), bytes(size))[:4], "little" if struct.pack("=H", 1)[0] else "big"
        )
        after = {"+": before | bits, "-": before & ~bits, "=": before & ~sum(_FLAGS.values()) | bits}[how]

        def change() -> None:
            fcntl.ioctl(file.descriptor, _call(2, False), struct.pack("=I", after).ljust(size, b"\0"))

        return {"attributes": (_letters(before), _letters(after), change)}


def _check_alone(file: Found, found: os.stat_result) -> None:
    """Refuse a file with a second name, in a folder that others can write: they may have given it to a file that lies elsewhere."""
    if file.is_exposed and not file.is_folder and found.st_nlink > 1:
        raise RegistryError(
            f"{file.path} is a hard link in a folder that others can write to, so a change would also affect another file. Remove it.",
            "local_io",
        )


def _number(name: t.Any, look_up: t.Callable[[str], int], option: str, what: str) -> int:
    text = str(name).strip()  # a block of YAML ends with a line break
    try:
        number = int(text) if text.lstrip("-").isdecimal() else look_up(text)
        if not 0 <= number < _NO_OWNER:
            raise ValueError
        return number
    except (KeyError, ValueError):
        message = f"The option {option} is {quoted(name, 100)}: the host that runs the task has no such {what}."
        raise RegistryError(message, "invalid_option") from None


def _octal(mode: int) -> str:
    return f"0{stat.S_IMODE(mode):03o}"


def _letters(flags: int) -> str:
    return "".join(letter for letter, bit in _FLAGS.items() if flags & bit)
