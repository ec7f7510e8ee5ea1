"""Networks, to be looked at: the bridge, and Docker's names for the host's network and for none."""

from typing import Final

from aiohttp import web

from engine.api.call import Call
from engine.api.facts import network_facts
from engine.api.replies import json_reply
from engine.model.errors import Denied, Missing
from engine.wire.network import NetworkFacts, encode_network
from engine.wire.query import Filters

_FILTERS: Final = ("dangling", "driver", "id", "label", "name", "scope", "type")


async def list_networks(call: Call) -> web.Response:
    filters = call.query.filters(known=_FILTERS)
    return json_reply([encode_network(facts) for facts in network_facts(call.parts) if _is_wanted(facts, filters)])


def _is_wanted(facts: NetworkFacts, filters: Filters) -> bool:
    given = {"driver": facts.driver, "scope": "local", "type": "builtin"}
    if any(key in filters and value not in filters.get(key) for key, value in given.items()):
        return False
    if "id" in filters and not any(facts.id.startswith(text) for text in filters.get("id")):
        return False
    if "name" in filters and not any(text in facts.name for text in filters.get("name")):
        return False
    return filters.flag("dangling") is not True and filters.match_labels({})


async def inspect(call: Call) -> web.Response:
    facts = _find(call)
    endpoints = call.parts.networks.endpoints() if facts.name == "bridge" else {}
    names = {container.id: container.name for container in call.parts.containers.list()}
    # build steps are joined too, and no one's business
    shown = {container_id: endpoint for container_id, endpoint in endpoints.items() if container_id in names}
    return json_reply(encode_network(facts, endpoints=shown, names=names))


async def remove(call: Call) -> web.Response:
    raise Denied(f"{_find(call).name} is a pre-defined network and cannot be removed")


async def prune(_: Call) -> web.Response:
    return json_reply({"NetworksDeleted": None})


def _find(call: Call) -> NetworkFacts:
    name = call.name
    for facts in network_facts(call.parts):
        if facts.name == name or facts.id == name or (len(name) >= 4 and facts.id.startswith(name)):
            return facts
    raise Missing(f"network {name} not found")
