"""Networks: made, looked at, removed, and containers joined to them."""

import time
from typing import Final

from aiohttp import web

from engine.api.call import Call
from engine.api.facts import network_facts
from engine.api.replies import json_reply
from engine.model.errors import Denied, Invalid, Missing
from engine.wire.endpoint_settings import decode_connection, decode_disconnection
from engine.wire.network import NetworkFacts, encode_network
from engine.wire.network_create import decode_network
from engine.wire.prune_filters import LABELS_AND_AGE, decode_prune_filters
from engine.wire.query import Filters

_FILTERS: Final = ("dangling", "driver", "id", "label", "name", "scope", "type")


async def create(call: Call) -> web.Response:
    request, warning = decode_network(await call.json_body())
    network = await call.finish(call.parts.networks.create(request))
    return json_reply({"Id": network.id, "Warning": warning}, status=201)


async def list_networks(call: Call) -> web.Response:
    filters = call.query.filters(known=_FILTERS)
    wanted = [facts for facts in network_facts(call.parts) if _is_wanted(call, facts, filters)]
    return json_reply([encode_network(facts) for facts in wanted])


def _is_wanted(call: Call, facts: NetworkFacts, filters: Filters) -> bool:
    is_ours = facts.network is not None and not facts.network.is_default
    given = {"driver": facts.driver, "scope": "local", "type": "custom" if is_ours else "builtin"}
    if "type" in filters and not set(filters.get("type")) <= {"custom", "builtin"}:
        raise Invalid(f"invalid filter 'type={filters.get('type')[0][:80]}'")
    if any(key in filters and value not in filters.get(key) for key, value in given.items()):
        return False
    if "id" in filters and not any(facts.id.startswith(text) for text in filters.get("id")):
        return False
    if "name" in filters and not any(text in facts.name for text in filters.get("name")):
        return False
    dangling = filters.flag("dangling")
    if dangling is not None and dangling != (is_ours and not call.parts.networks.endpoints(facts.name)):
        return False
    return filters.match_labels(facts.network.labels if facts.network else {})


async def inspect(call: Call) -> web.Response:
    facts = _find(call)
    scope = call.query.text("scope")
    if scope not in ("", "local"):
        raise Missing(f"network {call.name} not found")
    endpoints = call.parts.networks.endpoints(facts.name)
    names = {container.id: container.name for container in call.parts.containers.list()}
    # build steps are joined too, and no one's business
    shown = {container_id: endpoint for container_id, endpoint in endpoints.items() if container_id in names}
    encoded = encode_network(facts, endpoints=shown, names=names)
    return json_reply(encoded | ({"Services": {}} if call.query.flag("verbose") else {}))


async def remove(call: Call) -> web.Response:
    facts = _find(call)
    if facts.network is None or facts.network.is_default:
        raise Denied(f"{facts.name} is a pre-defined network and cannot be removed")
    await call.finish(call.parts.networks.remove(facts.network))
    return web.Response(status=204)


async def prune(call: Call) -> web.Response:
    """Remove those that no container is on, running or not."""
    wanted = decode_prune_filters(call.query.filters(known=LABELS_AND_AGE), now_ns=time.time_ns())
    parts = call.parts
    in_use = {name for container in parts.containers.list() for name in container.spec.wished_networks}
    removed = []
    for network in parts.networks.all():
        if network.is_default or network.name in in_use:
            continue
        if not wanted.allow(network.labels, created_at=network.created_at):
            continue
        try:
            await call.finish(parts.networks.remove(network))
        except (Denied, Missing):
            continue  # joined or removed since it was looked at
        removed.append(network.name)
    parts.events.emit("network", "prune", "", {"reclaimed": "0"})
    return json_reply({"NetworksDeleted": removed or None})


async def connect(call: Call) -> web.Response:
    connection = decode_connection(await call.json_body())
    network = _ours(call, "connected to")
    await call.finish(call.parts.containers.connect(connection.container, network, connection.settings))
    return web.Response(status=200)


async def disconnect(call: Call) -> web.Response:
    asked = decode_disconnection(await call.json_body())
    network = _ours(call, "disconnected from")
    # `Force` is for endpoints whose container is lost, of which there are none here
    await call.finish(call.parts.containers.disconnect(asked.container, network))
    return web.Response(status=200)


def _find(call: Call) -> NetworkFacts:
    name = call.name
    everything = network_facts(call.parts)
    exact = [facts for facts in everything if name in (facts.name, facts.id)]
    found = exact or [facts for facts in everything if facts.id.startswith(name)]
    if not found:
        raise Missing(f"network {name} not found")
    if not exact and len(found) > 1:
        raise Invalid(f"network {name} is ambiguous ({len(found)} matches found based on ID prefix)")
    return found[0]


def _ours(call: Call, what: str) -> str:
    """Its name. Raises Denied for Docker's two names for having none."""
    facts = _find(call)
    if facts.name == "host":
        raise Denied(f"container cannot be {what} host network")
    if facts.name == "none":
        raise Denied(
            "container cannot be connected to multiple networks with one of the networks in private (none) mode"
        )
    return facts.name
