# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of Sphinx for the site that `make docs` builds. Nothing is fetched: no inventories of other sites."""

from __future__ import annotations

project = "ocitools.registry"
author = "the ocitools.registry authors"
html_title = "ocitools.registry"
html_show_copyright = False
html_show_sphinx = False
html_show_sourcelink = False
html_theme = "sphinx_ansible_theme"
html_theme_options = {
    "documentation_home_url": "https://github.com/ocitools/ocitools.registry",
    "topbar_links": {
        "Source": "https://github.com/ocitools/ocitools.registry",
        "Issues": "https://github.com/ocitools/ocitools.registry/issues",
        "Ansible forum": "https://forum.ansible.com",
    },
}
html_static_path = ["static"]
html_css_files = ["site.css"]

extensions = ["sphinx_antsibull_ext", "myst_parser"]
myst_heading_anchors = 3
default_role = "any"
highlight_language = "YAML+Jinja"
pygments_style = "ansible"
nitpicky = True
