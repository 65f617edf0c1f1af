# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of this code base that no linter counts: nothing is switched off, nothing is left for later, nothing is too long to read."""

from __future__ import annotations

import ast
import re
import typing as t
from pathlib import Path

MAX_FILE = 300
MAX_FUNCTION = 40

_FORBIDDEN = {
    r"#\s*noqa": "a linter is switched off",
    r"#\s*type:\s*ignore": "the type checker is switched off",
    r"#\s*pylint\s*:": "a linter is switched off",
    r"#\s*fmt:\s*(off|skip)": "the formatter is switched off",
    r"\b(TO[D]O|FIX[M]E|XX[X])\b": "something is left for later",
    r"\bmark\.(skip|xfail)|\bpytest\.(skip|xfail)\(|\bunittest\.skip": "a test is skipped",
}
# Phrases of our own that readers stumble over, with what to write; CONTRIBUTING.md has the whole list.
_ODD = {
    r"nothing is guessed": "Docker Hub defaults are off",
    r"byte that is there": "skips blobs that the registry already has",
    r"further attempts?\b": "retries",
    r"failures? that may pass": "temporary error",
    r"blanks behind": "trailing spaces",
    r"tells? of (it|images)\b": "report, warn",
    r"stands? for no\b": "has no",
    r"on so many\b": "number of",
    r"\bsaid likewise\b|\bfails likewise\b": "fails in the same way",
    r"\bbreaks? the (naming )?rules": "is invalid",
    r"\banew\b": "again",
    r"\bput back\b": "restored",
    r"\bleft alone\b": "kept, not changed",
    r"\bcannot be told\b": "is not known",
    r"\bwhat is told of\b": "the result for",
    r"\bspeaks? (tls|http)\b": "uses",
    r"\b(go|come)(es)? along\b": "is copied as well",
    r"\bis put right\b": "is restored",
    r"\bhave a look\b|\bnothing is told\b": "check",
}
_PRIVATE = ("plugins/module_utils/", "plugins/plugin_utils/")
_READ_BY_USERS = ("README.md", "SECURITY.md", "docs/", "examples/", "extensions/", "plugins/", "roles/")
_TEXT = {".py", ".yml", ".yaml", ".toml", ".md", ".rst", ".sh", ".txt", ".j2", ""}


def _lines_of(node: ast.stmt | ast.expr) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _documentation(tree: ast.Module) -> int:
    """Count the lines of DOCUMENTATION, EXAMPLES and the like: texts in names of capitals."""
    count = 0
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)):
            continue
        if all(isinstance(target, ast.Name) and target.id.isupper() for target in node.targets):
            count += _lines_of(node)
    return count


def _check_size(name: Path, text: str) -> t.Iterator[str]:
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        yield f"{name}:{error.lineno}: {error.msg}."
        return
    size = text.count("\n") - _documentation(tree)
    if size > MAX_FILE:
        yield f"{name}: {size} lines of code, {MAX_FILE} are allowed."
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and _lines_of(node) > MAX_FUNCTION:
            yield f"{name}:{node.lineno}: the function {node.name} has {_lines_of(node)} lines, {MAX_FUNCTION} are allowed."


def _check_words(name: Path, text: str) -> t.Iterator[str]:
    """Yield a line for each odd phrase; what a line break divides is one phrase."""
    flat = re.sub(r"\s+", " ", text)
    for pattern, better in _ODD.items():
        for match in re.finditer(pattern, flat, re.IGNORECASE):
            yield f"{name}: {match[0]!r} reads oddly, write: {better}."


def _messages(text: str) -> str:
    """Return the texts in Python code but for its documentation: what a user may read of code that is private."""
    tree = ast.parse(text)
    documented = (node.body[0] for node in ast.walk(tree) if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef)) and node.body)
    documentation = {node.value for node in documented if isinstance(node, ast.Expr)}
    texts = [
        node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in documentation
    ]
    return "\n".join(str(node.value) for node in texts)


def check(root: Path, files: t.Iterable[Path]) -> list[str]:
    """Return what breaks the rules, one line each."""
    found = []
    for name in files:
        if name.parts[:2] == ("tests", "sanity") and name.name.startswith("ignore"):
            found.append(f"{name}: sanity findings are mended, not ignored.")
        if name.suffix not in _TEXT or name.name in ("COPYING", "GPL-3.0-or-later.txt"):
            continue
        text = (root / name).read_text(encoding="utf-8")
        for number, line in enumerate(text.splitlines(), 1):
            found += [f"{name}:{number}: {why}: {line.strip()}" for pattern, why in _FORBIDDEN.items() if re.search(pattern, line)]
        if name.as_posix().startswith(_READ_BY_USERS):
            found += _check_words(name, _messages(text) if name.as_posix().startswith(_PRIVATE) and name.suffix == ".py" else text)
        if name.suffix == ".py":
            found += _check_size(name, text)
    return found
