"""The table of all routes. Each is there with and without a version in front (``/v1.47/info``, ``/info``)."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Final, NamedTuple

from aiohttp import web

from engine.api import (
    absent,
    archives,
    browsing,
    build,
    commit,
    container_io,
    container_life,
    container_limits,
    containers,
    events,
    exec,
    image_streams,
    images,
    kept_logs,
    networks,
    registry,
    system,
    volumes,
)
from engine.api.call import Call

Handler = Callable[[Call], Awaitable[web.StreamResponse]]


class Endpoint(NamedTuple):
    method: str
    path: str
    handler: Handler


_ONE = "/containers/{name:.+}"  # PARENT/ALIAS is a name, too
_IMAGE = "/images/{name:.+}"

ENDPOINTS: Final = (
    Endpoint("GET", "/_ping", system.ping),
    Endpoint("HEAD", "/_ping", system.ping),
    Endpoint("GET", "/version", system.version),
    Endpoint("GET", "/info", system.info),
    Endpoint("GET", "/system/df", system.disk_usage),
    Endpoint("GET", "/events", events.stream),
    Endpoint("POST", "/build", build.build),
    Endpoint("POST", "/build/prune", build.prune),
    # containers
    Endpoint("GET", "/containers/json", containers.list_containers),
    Endpoint("POST", "/containers/create", containers.create),
    Endpoint("POST", "/containers/prune", containers.prune),
    Endpoint("GET", _ONE + "/json", containers.inspect),
    Endpoint("GET", _ONE + "/top", containers.top),
    Endpoint("POST", _ONE + "/start", container_life.start),
    Endpoint("POST", _ONE + "/stop", container_life.stop),
    Endpoint("POST", _ONE + "/restart", container_life.restart),
    Endpoint("POST", _ONE + "/kill", container_life.kill),
    Endpoint("POST", _ONE + "/pause", container_life.pause),
    Endpoint("POST", _ONE + "/unpause", container_life.unpause),
    Endpoint("POST", _ONE + "/rename", container_life.rename),
    Endpoint("POST", _ONE + "/resize", container_life.resize),
    Endpoint("POST", _ONE + "/wait", container_life.wait),
    Endpoint("GET", _ONE + "/stats", container_limits.stats),
    Endpoint("POST", _ONE + "/update", container_limits.update),
    Endpoint("DELETE", _ONE, container_life.remove),
    Endpoint("GET", _ONE + "/logs", container_io.logs),
    Endpoint("POST", _ONE + "/attach", container_io.attach),
    Endpoint("GET", _ONE + "/attach/ws", container_io.attach_websocket),
    Endpoint("HEAD", _ONE + "/archive", archives.head),
    Endpoint("GET", _ONE + "/archive", archives.get),
    Endpoint("PUT", _ONE + "/archive", archives.put),
    Endpoint("GET", _ONE + "/export", archives.export),
    Endpoint("GET", _ONE + "/changes", archives.changes),
    Endpoint("POST", "/commit", commit.commit),
    Endpoint("POST", _ONE + "/exec", exec.create),
    Endpoint("POST", "/exec/{name}/start", exec.start),
    Endpoint("POST", "/exec/{name}/resize", exec.resize),
    Endpoint("GET", "/exec/{name}/json", exec.inspect),
    # images
    Endpoint("GET", "/images/json", images.list_images),
    Endpoint("POST", "/images/create", image_streams.create),
    Endpoint("POST", "/images/load", image_streams.load),
    Endpoint("GET", "/images/get", image_streams.save_many),
    Endpoint("POST", "/images/prune", images.prune),
    Endpoint("GET", "/images/search", registry.search),
    Endpoint("GET", _IMAGE + "/json", images.inspect),
    Endpoint("GET", _IMAGE + "/history", images.history),
    Endpoint("GET", _IMAGE + "/get", image_streams.save_one),
    Endpoint("POST", _IMAGE + "/tag", images.tag),
    Endpoint("POST", _IMAGE + "/push", registry.push),
    Endpoint("DELETE", _IMAGE, images.remove),
    Endpoint("POST", "/auth", registry.sign_in),
    Endpoint("GET", "/distribution/{name:.+}/json", registry.distribution),
    # networks and volumes
    Endpoint("GET", "/networks", networks.list_networks),
    Endpoint("GET", "/networks/{name}", networks.inspect),
    Endpoint("POST", "/networks/create", networks.create),
    Endpoint("POST", "/networks/prune", networks.prune),
    Endpoint("POST", "/networks/{name}/connect", networks.connect),
    Endpoint("POST", "/networks/{name}/disconnect", networks.disconnect),
    Endpoint("DELETE", "/networks/{name}", networks.remove),
    Endpoint("GET", "/volumes", volumes.list_volumes),
    Endpoint("GET", "/volumes/{name}", volumes.inspect),
    Endpoint("DELETE", "/volumes/{name}", volumes.remove),
    Endpoint("POST", "/volumes/create", volumes.create),
    Endpoint("POST", "/volumes/prune", volumes.prune),
    # this engine's own, see docs/api.md
    Endpoint("GET", "/naru/containers/{name}/files", browsing.files),
    Endpoint("GET", "/naru/containers/{name}/changes", browsing.changes),
    Endpoint("GET", "/naru/containers/{name}/image-archive", browsing.image_archive),
    Endpoint("GET", "/naru/logs", kept_logs.list_kept_logs),
    Endpoint("GET", "/naru/logs/{name}", kept_logs.read),
    Endpoint("DELETE", "/naru/logs/{name}", kept_logs.remove),
    Endpoint("GET", "/naru/volumes/{name}/export", volumes.export),
    Endpoint("POST", "/naru/volumes/import", volumes.import_backup),
    # what Docker can and this engine cannot, yet or ever
    Endpoint("POST", "/session", absent.no_buildkit),
    Endpoint("POST", "/grpc", absent.no_buildkit),
    Endpoint("GET", "/plugins", absent.no_plugins),
    Endpoint("GET", "/plugins/privileges", absent.no("plugins")),
    Endpoint("POST", "/plugins/pull", absent.no("plugins")),
    Endpoint("GET", "/plugins/{name:.+}/json", absent.no_such_plugin),
    Endpoint("POST", "/swarm/init", absent.no("swarm mode")),
    Endpoint("POST", "/swarm/join", absent.no("swarm mode")),
    Endpoint("POST", "/swarm/leave", absent.not_in_a_swarm),
    *(
        Endpoint("*", f"/{resource}{rest}", absent.no_swarm)
        for resource in ("swarm", "nodes", "services", "tasks", "secrets", "configs")
        for rest in ("", "/{name:.+}")
    ),
)


def routes() -> Iterator[Endpoint]:
    for method, path, handler in ENDPOINTS:
        yield Endpoint(method, "/v{version:[0-9][0-9.]*}" + path, handler)
        yield Endpoint(method, path, handler)
