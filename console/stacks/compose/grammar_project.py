"""What a file may say at its top: services, networks, volumes, secrets, configs, models, includes."""

import re

from django.utils.translation import gettext as _

from console.stacks.compose.grammar_service import SERVICE
from console.stacks.compose.nodes import Mapping, Node, grown, is_null
from console.stacks.compose.shapes import At, Listed, Named, Table, Value, Wrong, as_mapping, fields
from console.stacks.compose.values import (
    LABELS,
    OPTIONS,
    PATH,
    TEXT,
    TEXT_OR_TEXTS,
    TEXTS,
    TRUTH,
    WORD,
    integer,
    is_name,
    text_of,
)

PROJECT_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


class _Resource(Table):
    """``external`` may still be a mapping with a name, and then means that name."""

    def read(self, node: Node, at: At) -> Node | None:
        if not is_null(node):
            external = as_mapping(node).get("external")
            if isinstance(external, Mapping):
                node = _with_external(as_mapping(node), external, at)
        return super().read(node, at)


def _with_external(node: Mapping, external: Mapping, at: At) -> Mapping:
    unknown = next((name for name in external.entries if name != "name"), None)
    if unknown is not None:
        message = _("“%(name)s” is not known here.") % {"name": unknown[:80]}
        at.reading.problems.add(external.key_mark(unknown), f"{at.path}.external", message)
    entries = {**node.entries, "external": grown(value=True, mark=external.mark)}
    if (name := external.get("name")) is not None:
        entries["name"] = name
    return node.with_entries(entries)


def _include(node: Node, at: At) -> list[Node]:
    return [node] if isinstance(node, Mapping) else [grown({"path": text_of(node, at)}, node.mark)]


def name_wanted() -> str:
    return _("A project's name has small letters, digits, “_” and “-”, and begins with a letter or digit.")


def _project_name(node: Node, at: At) -> str:
    name = text_of(node, at)
    if not PROJECT_NAME.fullmatch(name):
        raise Wrong(name_wanted())
    return name


IPAM = Table(
    fields(
        driver=TEXT,
        config=Listed(
            Table(fields(subnet=TEXT, ip_range=TEXT, gateway=TEXT, aux_addresses=Named(TEXT))),
        ),
        options=Named(TEXT),
    )
)
NETWORK = _Resource(
    fields(
        name=TEXT,
        driver=TEXT,
        driver_opts=OPTIONS,
        ipam=IPAM,
        external=TRUTH,
        internal=TRUTH,
        attachable=TRUTH,
        enable_ipv4=TRUTH,
        enable_ipv6=TRUTH,
        labels=LABELS,
    )
)
VOLUME = _Resource(fields(name=TEXT, driver=TEXT, driver_opts=OPTIONS, external=TRUTH, labels=LABELS))
STORED = fields(
    name=TEXT,
    file=PATH,
    environment=TEXT,
    external=TRUTH,
    labels=LABELS,
    template_driver=TEXT,
)
SECRET = _Resource({**STORED, **fields(driver=TEXT, driver_opts=OPTIONS)})
CONFIG = _Resource({**STORED, **fields(content=TEXT)})
MODEL = Table(fields(model=TEXT, name=TEXT, context_size=integer(0), runtime_flags=TEXTS), required=("model",))
INCLUDE = Table(fields(path=TEXT_OR_TEXTS, env_file=TEXT_OR_TEXTS, project_directory=TEXT), required=("path",))
PROJECT = Table(
    fields(
        version=WORD,
        name=Value(_project_name),
        include=Listed(INCLUDE, expand=_include),
        services=Named(SERVICE, is_name=is_name),
        networks=Named(NETWORK, is_name=is_name),
        volumes=Named(VOLUME, is_name=is_name),
        secrets=Named(SECRET, is_name=is_name),
        configs=Named(CONFIG, is_name=is_name),
        models=Named(MODEL, is_name=is_name),
    )
)
