# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the documentation as HTML: the reference and guides by antsibull-docs, and what other files of the checkout tell, without a second copy."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import textwrap
import typing as t
from pathlib import Path

from environment import CHECKOUT, REQUIREMENTS, cache_dir, collection_tree, environment, make_venv, report, run
from galaxy import write_changelog
from pythons import Failed, find_controller, find_pythons

_NAME = "ocitools.registry"
_SOURCE = CHECKOUT / "docs" / "site"
_SETTINGS = "breadcrumbs = true\nindexes = true\nuse_html_blobs = false\nadd_antsibull_docs_version = false\n"

# Pages made of files that are not guides: name, file, title in the side bar.
_PAGES = {
    "security": ("SECURITY.md", "Security"),
    "benchmark": ("tests/benchmark/README.md", "Benchmark"),
    "changelog": ("CHANGELOG.md", "Changelog"),
}
_ON_GITHUB = f"https://raw.githubusercontent.com/ocitools/{_NAME}/main/docs/docsite/rst/images/"  # where pictures are for GitHub and Galaxy

_KINDS = {"module": "Modules", "filter": "Filters", "lookup": "Lookup", "test": "Tests", "role": "Roles"}
_HIDDEN = re.compile(r"    :hidden:\n\n((?:    (\w+)_(module|filter|lookup|test|role)\n)+)")
_GUIDES = re.compile(r"^(\S.*)\n-+\n\n\.\. toctree::\n(?=    :maxdepth: 1\n\n    docsite/)", re.MULTILINE)
_INTRODUCTION = re.compile(
    r"\.\. contents::\n   :local:\n   :depth: 1\n\n(Description\n-+\n.*?)(?=^\S[^\n]*\n-+\n\n\.\. toctree::\n)", re.DOTALL | re.MULTILINE
)
_EXAMPLE = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
_PARAMETERS = "Parameters\n^^^^^^^^^^\n"
_OVERVIEW = f"""\
Push, pull, copy, tag, inspect, sign and delete container images in any OCI or Docker registry, from Ansible, over the registry's HTTP API. The hosts need
Python and ``requests``, but no Docker, no Podman, no command line tool and no root.

Install the collection, and ``requests`` for the Python that runs the tasks:

.. code-block:: console

    $ ansible-galaxy collection install \\
        {_NAME}
    $ python3 -m pip install requests

Push the image that a build wrote, with two tags:

.. code-block:: yaml

    - name: Release a build
      hosts: localhost
      tasks:
        - name: Push the image
          {_NAME}.registry_push:
            path: app.tar
            name: reg.example.com/app:1.4.2
            tags: [latest]

The first run uploads the image. The second run reports ``changed=0`` and sends no write requests. Credentials come from the task, the environment, or
the auth files of Docker and Podman.

More short playbooks are in the `examples <https://github.com/ocitools/{_NAME}/tree/main/examples>`__. The
`README <https://github.com/ocitools/{_NAME}#readme>`__ lists requirements, tested versions, and replacements for the commands of other tools.

.. figure:: docsite/images/overview.svg
   :figclass: overview
   :alt: Roles use modules; modules and plugins talk to registries and their token servers

"""


def _adapt_index(text: str) -> str:
    """Put purpose, installation and an example first, and give the side bar captions, short names and further pages."""

    def shorten(match: re.Match[str]) -> str:
        entries = re.sub(r"^    (\w+)_[a-z]+$", r"    \1 <\g<0>>", match[1], flags=re.MULTILINE).replace("<    ", "<")
        return f"    :hidden:\n    :caption: {_KINDS[match[3]]}\n\n{entries}"

    title = _NAME.title()
    text = text.replace(f"{title}\n{'=' * len(title)}", f"{_NAME}\n{'=' * len(_NAME)}")
    text = _HIDDEN.sub(shorten, text)
    introduction = _INTRODUCTION.search(text)
    if introduction is None:
        raise Failed("antsibull-docs writes another index than the one that website.py adapts.")
    text = text.replace(introduction[0], _OVERVIEW)
    text = _GUIDES.sub(lambda match: f"{match[0]}    :caption: {match[1]}\n", text)
    entries = "".join(f"    {title} <pages/{name}>\n" for name, (_file, title) in _PAGES.items())
    about = re.sub(r"\.\. toctree::\n    :maxdepth: 1\n\s*$", "", introduction[1])
    return f"{text}\nMore\n----\n\n.. toctree::\n    :maxdepth: 1\n    :caption: More\n\n{entries}\n{about}"


def _add_examples(tree: Path, rst: Path) -> None:
    """Give the page of each role the examples of its README: an argument specification has no place for them."""
    for readme in tree.glob("roles/*/README.md"):
        page = rst / f"{readme.parent.name}_role.rst"
        blocks = [textwrap.indent(block, "    ") for block in _EXAMPLE.findall(readme.read_text(encoding="utf-8"))]
        examples = "Examples\n^^^^^^^^\n\n" + "".join(f".. code-block:: yaml+jinja\n\n{block}\n" for block in blocks)
        before, found, after = page.read_text(encoding="utf-8").partition(_PARAMETERS)
        if not found or not blocks:
            raise Failed(f"{page.name} has no parameters, or {readme.relative_to(tree)} no example.")
        page.write_text(f"{before}{examples}{found}{after}", encoding="utf-8")


def _write_pages(tree: Path, rst: Path) -> None:
    (rst / "pages").mkdir()
    for name, (file, _title) in _PAGES.items():
        text = (tree / file).read_text(encoding="utf-8")
        (rst / "pages" / f"{name}.md").write_text(text.replace(_ON_GITHUB, "../docsite/images/"), encoding="utf-8")


def build(out: t.TextIO | None = None) -> Path:
    """Build the site, a warning is a failure; return its first page."""
    venv = make_venv("docs", find_pythons()[find_controller()], [REQUIREMENTS / "docs.txt"], out)
    folder = cache_dir() / "docs"
    shutil.rmtree(folder, ignore_errors=True)
    rst, html = folder / "rst", folder / "html"
    rst.mkdir(parents=True)
    rst.chmod(0o700)  # antsibull-docs insists
    with tempfile.TemporaryDirectory() as scratch:
        _write_sources(venv, Path(scratch, "ansible_collections", "ocitools", "registry"), rst, out)
    run([venv / "bin" / "sphinx-build", "-q", "-W", "--keep-going", "-b", "html", "-c", _SOURCE, rst, html], env=environment(venv), out=out)
    return html / "index.html"


def _write_sources(venv: Path, tree: Path, rst: Path, out: t.TextIO | None) -> None:
    """Write what Sphinx reads. Of a collection tree inside of another one, where a checkout may lie, ansible-doc does not find the roles."""
    shutil.copytree(collection_tree("docs"), tree)
    write_changelog(venv, tree, out)
    settings = rst.with_name("antsibull-docs.cfg")
    settings.write_text(_SETTINGS, encoding="utf-8")
    env = environment(venv, ANSIBLE_COLLECTIONS_PATH=str(tree.parents[2]))
    command: list[str | Path] = [venv / "bin" / "antsibull-docs", "--config-file", settings, "collection"]
    run([*command, "--use-current", "--squash-hierarchy", "--fail-on-error", "--dest-dir", rst, _NAME], env=env, out=out)
    shutil.copytree(tree / "docs" / "docsite" / "rst" / "images", rst / "docsite" / "images")
    shutil.copy(_SOURCE / "elsewhere.rst", rst)
    index = rst / "index.rst"
    index.write_text(_adapt_index(index.read_text(encoding="utf-8")), encoding="utf-8")
    _add_examples(tree, rst)
    _write_pages(tree, rst)


if __name__ == "__main__":
    sys.exit(report("make docs", lambda: f"make docs: {build()}"))
