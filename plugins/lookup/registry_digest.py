# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: registry_digest
short_description: Get the digests of images in registries
version_added: 1.0.0
author: The ocitools.registry authors (@ocitools)
description:
  - Returns the digest of each image, or the image with its digest. There is one result for each term, in order. Terms are resolved in parallel and share
    connections and tokens.
  - Runs on the controller, with the controller's auth files and environment. C(module_defaults) do not apply. To set
    O(verify), or options for connections, for all lookups of a play, use variables with the name C(ocitools_registry_) and the option, such as
    C(ocitools_registry_username). Modules do not read these variables.
  - Files of keys and certificates in O(verify) are looked for in the folder C(files) of the role or playbook, beside the playbook, and in the current folder.
extends_documentation_fragment:
  - ocitools.registry._verify
  - ocitools.registry._registry
  - ocitools.registry._registry.lookup
options:
  _terms:
    description:
      - The images, C([registry/]repository[:tag][@digest]). Without tag and digest, the tag is V(latest).
      - An invalid name fails before any request.
    type: list
    elements: str
    required: true
  result:
    description:
      - What to return. V(digest) returns the digest. V(reference) returns the image with its digest, C(quay.io/org/app@sha256:...).
    type: str
    choices: [digest, reference]
    default: digest
  platform:
    description:
      - Return the digest of the image of an index for this platform, C(os/arch[/variant]), instead of the digest of the index.
      - A platform that is not in the index counts as missing.
    type: str
  missing:
    description:
      - Whether a missing image is an error. V(fail) fails. V(empty) returns an empty string.
      - Denied access and registry errors always fail.
    type: str
    choices: [fail, empty]
    default: fail
  verify:
    vars:
      - name: ocitools_registry_verify
seealso:
  - module: ocitools.registry.registry_image_info
"""

EXAMPLES = r"""
- name: Pin an image in a template or variable
  ansible.builtin.set_fact:
    app_image: "{{ lookup('ocitools.registry.registry_digest', 'quay.io/org/app:1.2', result='reference') }}"

- name: Get the digests of several images with one lookup
  ansible.builtin.debug:
    msg: "{{ query('ocitools.registry.registry_digest', 'quay.io/org/app:1.2', 'quay.io/org/db:16', missing='empty') }}"

- name: Pin an image only if the release key has signed it
  ansible.builtin.debug:
    msg: "{{ lookup('ocitools.registry.registry_digest', 'quay.io/org/app:1.2', result='reference', verify={'keys': ['release.pub']}) }}"

- name: Get the digests of all images in a list
  ansible.builtin.debug:
    msg: "{{ query('ocitools.registry.registry_digest', *images) }}"
  vars:
    images: ['quay.io/org/app:1.2', 'quay.io/org/db:16']
"""

RETURN = r"""
_raw:
  description: One digest or reference for each term, in order.
  type: list
  elements: str
"""

import os
import typing as t

from ansible.errors import AnsibleError, AnsibleLookupError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.lookup import LookupBase
from ansible.utils.display import Display

from ..plugin_utils._compiled import compiled_imports
from ..plugin_utils._template_values import decrypted, is_omitted, is_undefined

with compiled_imports():
    from ..module_utils._core.errors import OTHER_PYTHON, NotFound, RegistryError
    from ..module_utils._core.fanout import fan_out
    from ..module_utils._core.interruption import interruptible
    from ..module_utils._core.scrub import Scrubber, quoted
    from ..module_utils._core.secrets import register_secret
    from ..module_utils._http.auth_config import auth_config_secrets
    from ..module_utils._http.credentials import refuse_empty
    from ..module_utils._oci.platform import Platform
    from ..module_utils._oci.reference import Reference
    from ..module_utils._registry.connections import ConnectionOptions, Connections, Listeners
    from ..module_utils._tasks.options import connection_spec
    from ..module_utils._tasks.shapes import wrong_shape
    from ..module_utils._tasks.verify_option import VERIFY, parse_verify

if t.TYPE_CHECKING:
    from ..module_utils._registry.verification import Verification

_CONNECTION = tuple(ConnectionOptions.__dataclass_fields__)
_VARIABLES = "ocitools_registry_"
_BY_VARIABLE = {**connection_spec(), **VERIFY}
_OWN = tuple(f"{_VARIABLES}{name}" for option, settings in _BY_VARIABLE.items() for name in (option, *settings.get("aliases", ())))
_SPEC = {**_BY_VARIABLE, "platform": {"type": "str"}}
_SECRETS = ("password", "identity_token", "registry_token")


class _Scrubbed:
    """Turns every failure within it into one scrubbed sentence."""

    def __init__(self, scrubber: Scrubber) -> None:
        self._scrubber = scrubber

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._scrubber.retire()
        if isinstance(error, RegistryError):
            facts = ", ".join(f"{name} {value}" for name, value in error.facts().items() if name in ("kind", "status", "code") and value)
            text = f"{error.message.replace(OTHER_PYTHON, 'A lookup runs in the Python of Ansible itself.')} ({facts})"
        elif isinstance(error, AnsibleError):
            text = str(error)  # an option of the wrong type, say: ansible-core shows its value
        elif isinstance(error, Exception):
            text = f"Unexpected {type(error).__name__}: {error}. This is a bug in the collection; please report it."
        else:
            return
        raise AnsibleLookupError(self._scrubber.shown(text)) from None


class LookupModule(LookupBase):
    """Digests of images."""

    def run(self, terms: list[t.Any], variables: t.Any = None, **kwargs: t.Any) -> list[str]:
        """Return one digest or reference for each term."""
        kwargs.pop("wantlist", None)  # ansible-core before 2.19 asks so for a list where a loop is with_ocitools.registry.registry_digest
        own = self._own_variables(variables or {})
        scrubber = Scrubber()
        display = Display()

        def add_secret(secret: str) -> None:
            scrubber.add(secret)
            register_secret(secret)

        with interruptible(), _Scrubbed(scrubber):
            for name in _SECRETS:
                for secret in (*_texts(kwargs.get(name)), *_texts(own.get(f"{_VARIABLES}{name}"))):
                    add_secret(secret)
            for value in (kwargs.get("auth_config"), own.get(f"{_VARIABLES}auth_config")):
                for secret in auth_config_secrets(value):
                    add_secret(secret)
            self._refuse_unknown(kwargs)
            omitted = next((name for name, value in kwargs.items() if is_omitted(value)), None)
            if omitted:
                raise RegistryError(
                    f"The option {omitted} is omit, which works only in options of tasks: use none instead.", "invalid_option"
                )
            for given in (kwargs, {name[len(_VARIABLES) :]: value for name, value in own.items()}):
                _refuse_wrong({name: value for name, value in given.items() if not is_undefined(value)})  # ansible-core names those
            self.set_options(var_options=own, direct=kwargs)
            return self._resolve(terms, variables, Listeners(add_secret, lambda text: display.warning(scrubber.shown(text))))

    def _refuse_unknown(self, given: t.Iterable[str]) -> None:
        """Refuse an option that is misspelt: ansible-core would pass over it in silence."""
        definitions = self.option_definitions
        known = {*definitions, *(alias for option in definitions.values() for alias in option.get("aliases") or ())}
        unknown = ", ".join(sorted(set(given) - known))
        if unknown:
            shown = "ansible-doc -t lookup ocitools.registry.registry_digest"
            raise RegistryError(f"The lookup registry_digest has no option {unknown}: run {shown} for a list.", "invalid_option")

    def _own_variables(self, variables: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        """Return the variables that stand for options, templated first: the text of a template would be read as a false flag.

        Others whose names begin so are the user's: they may not be needed here, or be what this lookup returns.
        """
        own = {name: variables[name] for name in _OWN if name in variables}
        return {name: self._templar.template(value) for name, value in own.items()} if self._templar is not None else own

    def _resolve(self, terms: t.Sequence[t.Any], variables: t.Any, listeners: Listeners) -> list[str]:
        options = {name: self.get_option(name) for name in _CONNECTION}
        options.update({name: _checked(name, options[name]) for name in ("auth_hosts", "allowed_hosts") if options[name]})
        images = [_parse(term, options["registry"]) for term in terms]
        wanted = self.get_option("platform")
        platform = None if wanted is None else Platform.parse(wanted)
        verification = self._parse_verify(variables or {})
        connections = Connections(ConnectionOptions.parse(options), images, listeners)

        def resolve(image: Reference) -> str:
            try:
                client = connections.client(image)
                if verification is not None:
                    image = verification.pin(client, image)
                digest = client.get_digest(image.identifier, platform)
            except NotFound:
                if self.get_option("missing") == "empty":
                    return ""
                raise
            return f"{image.name}@{digest}" if self.get_option("result") == "reference" else str(digest)

        try:
            return fan_out(resolve, images, connections.concurrency)
        finally:
            connections.close()

    def _parse_verify(self, variables: t.Any) -> Verification | None:
        """Return what the option verify asks for."""
        given = self.get_option("verify")
        if given is None:
            return None
        verify = _checked("verify", given)
        for option in ("keys", "certificate_authorities"):
            verify[option] = [self._find_file(text, variables) for text in verify[option]]
        return parse_verify({"verify": verify})

    def _find_file(self, text: str, variables: t.Any) -> str:
        """Return where the file of this name is, as for every lookup; what is no such name is returned as it is."""
        if "\0" in text or "-----" in text or not text.strip() or os.path.isabs(text):
            return text
        found = self.find_file_in_search_path(variables, "files", os.path.expanduser(text), ignore_missing=True)
        return found or text


def _checked(option: str, given: t.Any) -> t.Any:
    """Return an option as a task would get it: ansible-core checks neither suboptions nor entries of lists of a lookup."""
    from ..plugin_utils._arguments import fault, plain  # which few lookups need

    # Plain, since it is copied: what ansible-core 2.19 and newer hand to plugins has the templar and all variables in it.
    validation = ArgumentSpecValidator({option: _SPEC[option]}).validate({option: plain(given)})
    wrong = fault(validation, "registry_digest", "lookup")
    if wrong:
        raise RegistryError(f"The option {option} is wrong: {wrong}", "invalid_option")
    return validation.validated_parameters[option]


def _refuse_wrong(given: t.Mapping[str, t.Any]) -> None:
    """Refuse what ansible-core would show, such as an auth file in place of its path, or take for false, such as a misspelt ``true``.

    Of an empty path it would make the folder that it runs in.
    """
    wrong = wrong_shape(given, _SPEC)
    if wrong:
        raise RegistryError(wrong, "invalid_option")
    for option, settings in _SPEC.items():
        names = (option, *settings.get("aliases", ()))
        if settings["type"] == "path":
            refuse_empty({name: decrypted(given.get(name)) for name in names}, names)
        for name in names if settings["type"] == "bool" else ():
            value = decrypted(given.get(name))
            try:
                boolean(False if value is None else value)
            except TypeError:
                raise RegistryError(f"The option {name} is {quoted(value, 60)}: it must be true or false.", "invalid_option") from None


def _texts(value: t.Any) -> t.Iterator[str]:
    """Yield the texts in what was given for a secret, of whatever type it is."""
    value = decrypted(value)
    if isinstance(value, str):
        yield value
    elif isinstance(value, (t.Mapping, list, tuple)):
        for item in value.values() if isinstance(value, t.Mapping) else value:
            yield from _texts(item)


def _parse(term: t.Any, registry: str | None) -> Reference:
    term = decrypted(term)
    if isinstance(term, (list, tuple)):
        raise RegistryError(
            "A term is a list, not the name of an image: put * before the list to make each item a term.", "invalid_reference"
        )
    if is_omitted(term):
        raise RegistryError("A term is omit, which works only in options of tasks: use a filter instead.", "invalid_reference")
    if isinstance(term, t.Mapping):  # it may have a password in it
        raise RegistryError("A term is a dictionary, not the name of an image: give the name alone.", "invalid_reference")
    if not isinstance(term, str):
        raise RegistryError(f"The term {quoted(term, 100)} is not a string: a term is the name of an image.", "invalid_reference")
    return Reference.parse(term, registry)
