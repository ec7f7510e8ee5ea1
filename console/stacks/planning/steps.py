"""Making a plan: what is there compared with what should be, service by service in the order of their dependencies."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from console.stacks.compose.model import Project, Service
from console.stacks.planning import labels
from console.stacks.planning.bodies import Contents, config_hash, container_body, image_of, network_body, volume_body
from console.stacks.planning.changes import Change, container_changes, network_changes
from console.stacks.planning.names import container_name
from console.stacks.planning.plans import Action, Doubt, Plan, Remark, Step
from console.stacks.planning.updates import START_FIRST, has_fixed_ports, starts_first, update_of, wants_sharing, width
from console.stacks.planning.world import SeenContainer, World

SHORT = 12
ENDS_BY_ITSELF = ("", "no", "on-failure")


def plan(
    project: Project,
    world: World,
    *,
    contents: Contents | None = None,
    pulls: bool = False,
    images: Mapping[str, str] | None = None,
) -> Plan:
    """``pulls``: images that are there are looked for anew as well. ``images``: ids (64 hex digits) by service of those
    that it is to have, whatever their names mean by now.
    """
    return _Planner(project, world, contents or Contents(), pulls=pulls, pins=images or {}).plan()


def plan_removal(project_name: str, world: World, *, with_volumes: bool) -> Plan:
    """Everything of the project's goes: containers, then networks, and volumes only when they are asked for."""
    steps = [_removal(one, downtime=one.is_alive) for one in world.containers]
    of_it = {labels.PROJECT: project_name}.items()
    networks = [one for one in world.networks.values() if of_it <= one.labels.items()]
    steps += [Step(Action.REMOVE, "network", one.name, engine_id=one.engine_id) for one in networks]
    volumes = [one for one in world.volumes.values() if of_it <= one.labels.items()]
    action = Action.REMOVE if with_volumes else Action.KEEP
    steps += [Step(action, "volume", one.name, data_loss=with_volumes) for one in volumes]
    return Plan(project_name, tuple(steps), world.digest)


def pinned_name(engine_id: str) -> str:
    """How an engine is asked for an image by its id."""
    return f"sha256:{engine_id}"


def ordered(project: Project) -> list[str]:
    """Services, those that others depend on first; else as in the file."""
    left = {name: set(service.depends_on) & project.services.keys() for name, service in project.services.items()}
    found: list[str] = []
    while left:
        ready = [name for name, others in left.items() if not others]
        if not ready:
            raise ValueError("services that wait for one another have no order")
        found += ready
        done = set(ready)
        left = {name: others - done for name, others in left.items() if name not in done}
    return found


@dataclass(slots=True)
class _Planner:
    project: Project
    world: World
    contents: Contents
    pulls: bool
    pins: Mapping[str, str]
    hashes: dict[str, str] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)
    # services of which a container is made anew, for those that restart with them
    replaced: set[str] = field(default_factory=set)
    # networks, by their names on the host, that are made anew
    renewed: set[str] = field(default_factory=set)
    # services whose containers share their ports, and those that have an image by its id
    shared: set[str] = field(default_factory=set)
    pinned: dict[str, str] = field(default_factory=dict)

    def plan(self) -> Plan:
        project = self.project
        self.hashes = {
            name: config_hash(project, name, service, self.contents) for name, service in project.services.items()
        }
        self.pinned = dict(self._pinned())
        images = list(self._images())
        networks, volumes = list(self._networks()), list(self._volumes())
        by_service: dict[str, list[SeenContainer]] = {}
        for seen in self.world.containers:
            by_service.setdefault(seen.service, []).append(seen)
        order = ordered(project)
        orphans = [one for name, found in by_service.items() if name not in project.services for one in found]
        steps = [_removal(one, Change("service", before=one.service), downtime=one.is_alive) for one in orphans]
        for name in order:
            steps += self._service(name, by_service.get(name, []))
        gone = list(self._unused_networks())
        found = (*images, *networks, *volumes, *steps, *gone)
        by_id = {
            name: pinned_name(engine_id)
            for name, engine_id in self.pinned.items()
            if self.world.images.get(image_of(project, name, project.services[name])) != engine_id
        }
        shared = tuple(sorted(self.shared))
        return Plan(project.name, found, self.world.digest, tuple(self.remarks), self.hashes, by_id, shared)

    # --- images, networks, volumes ---

    def _pinned(self) -> Iterator[tuple[str, str]]:
        """The id of the image by service, where it is asked for and there."""
        for name, engine_id in self.pins.items():
            if name in self.project.services and pinned_name(engine_id) in self.world.images:
                yield name, engine_id
            elif name in self.project.services:
                self.remarks.append(Remark(Doubt.OTHER_IMAGE, name))

    def _images(self) -> Iterator[Step]:
        asked: set[str] = set()
        for name, service in self.project.services.items():
            if name in self.pinned:
                continue
            image = image_of(self.project, name, service)
            present = self.world.images.get(image, "")
            if service.build is not None and (not present or service.pull_policy == "build"):
                yield self._fetched(Action.BUILD, name, image, present)
            elif service.build is None and image not in asked and self._is_pulled(service, present):
                asked.add(image)
                yield self._fetched(Action.PULL, name, image, present)
            if service.provider is not None or service.models:
                self.remarks.append(Remark(Doubt.NO_PROVIDER, name))

    def _fetched(self, action: Action, name: str, image: str, present: str) -> Step:
        if present and any(one.service == name for one in self.world.containers):
            self.remarks.append(Remark(Doubt.MAY_RENEW, name))
        return Step(action, "image", image, service=name, engine_id=present)

    def _is_pulled(self, service: Service, present: str) -> bool:
        if service.pull_policy == "never":
            return False
        return not present or service.pull_policy == "always" or self.pulls

    def _networks(self) -> Iterator[Step]:
        used = {key for service in self.project.services.values() for key in service.networks}
        for key, network in self.project.networks.items():
            seen = self.world.networks.get(network.name)
            if key not in used:
                continue
            if seen is None:
                if network.external:
                    self.remarks.append(Remark(Doubt.NO_NETWORK, network.name))
                else:
                    yield Step(Action.CREATE, "network", network.name)
                continue
            changes = [] if network.external else network_changes(network_body(self.project, key, network), seen)
            action = Action.REPLACE if changes else Action.KEEP
            if changes:
                self.renewed.add(network.name)
            yield Step(action, "network", network.name, engine_id=seen.engine_id, changes=tuple(changes))

    def _volumes(self) -> Iterator[Step]:
        used = {mount.source for service in self.project.services.values() for mount in service.volumes}
        for key, volume in self.project.volumes.items():
            seen = self.world.volumes.get(volume.name)
            if key not in used:
                continue
            if seen is None and volume.external:
                self.remarks.append(Remark(Doubt.NO_VOLUME, volume.name))
            elif seen is None:
                yield Step(Action.CREATE, "volume", volume.name)
            else:
                yield Step(Action.KEEP, "volume", volume.name)
                body = volume_body(self.project, key, volume)
                if not volume.external and (body["Driver"], body["DriverOpts"]) != (seen.driver, seen.options):
                    self.remarks.append(Remark(Doubt.OTHER_VOLUME, volume.name))

    def _unused_networks(self) -> Iterator[Step]:
        named = {network.name for network in self.project.networks.values()}
        for name, seen in self.world.networks.items():
            if seen.labels.get(labels.PROJECT) == self.project.name and name not in named:
                yield Step(Action.REMOVE, "network", name, engine_id=seen.engine_id)

    # --- containers ---

    def _service(self, name: str, found: list[SeenContainer]) -> list[Step]:
        service = self.project.services[name]
        wanted = service.replicas
        self._share(name, service, found)
        self._doubt_order(name, service)
        places: dict[int, SeenContainer] = {}
        extra: list[SeenContainer] = []
        # of two with the same number the one stays that is as it should be, or else the one that runs
        right = self.hashes[name]

        def rank(seen: SeenContainer) -> tuple[bool, bool, bool, str]:
            return seen.is_half_made, seen.config_hash != right, not seen.is_alive, seen.engine_id

        for seen in sorted(found, key=rank):
            is_kept = 0 < seen.number <= wanted and seen.number not in places
            extra += [] if is_kept else [seen]
            if is_kept:
                places[seen.number] = seen
        steps = [
            self._container(name, service, number, places[number]) if number in places else self._new(name, number)
            for number in range(1, wanted + 1)
        ]
        if any(step.action is Action.REPLACE for step in steps):
            self.replaced.add(name)
        steps = _with_downtime(steps, found, service)
        scaled = Change("replicas", before=str(len(found)), after=str(wanted))
        return [*steps, *(_removal(one, scaled, downtime=one.is_alive and wanted == 0) for one in extra)]

    def _share(self, name: str, service: Service, found: Iterable[SeenContainer]) -> None:
        """Once some share their ports all do, since one that does not would need them for itself."""
        if not has_fixed_ports(service):
            return
        wants = wants_sharing(service)
        if self.world.shares_ports and (wants or any(one.sharing_group for one in found)):
            self.shared.add(name)
        elif wants and service.replicas > 1:
            self.remarks.append(Remark(Doubt.ONE_PUBLISHES, name))

    def _doubt_order(self, name: str, service: Service) -> None:
        config = update_of(service)
        can = starts_first(service, shares_ports=name in self.shared)
        if config is not None and config.order == START_FIRST and not can:
            self.remarks.append(Remark(Doubt.STOPS_FIRST, name))

    def _new(self, name: str, number: int) -> Step:
        made = container_name(self.project, name, self.project.services[name], number)
        return Step(Action.CREATE, "container", made, name, number)

    def _container(self, name: str, service: Service, number: int, seen: SeenContainer) -> Step:
        changes = self._changes(name, service, number, seen)
        base = Step(Action.KEEP, "container", seen.name, name, number, seen.engine_id)
        if changes:
            # what holds a port for itself has to let it go first
            is_first = starts_first(service, shares_ports=name in self.shared and bool(seen.sharing_group))
            return replace(base, action=Action.REPLACE, changes=tuple(changes), is_first_started=is_first)
        if renewed := sorted(self.renewed & {self.project.networks[key].name for key in service.networks}):
            change = Change("network", renewed[0])
            return replace(base, action=Action.REPLACE, changes=(change,))
        if seen.is_half_made:
            # whoever made it was cut short: what belongs to it may not all be there
            return replace(base, action=Action.REPLACE, changes=(Change("state", before="created", after="running"),))
        if not seen.is_alive and not self._has_done_its_work(service, seen):
            why = Change("state", before=seen.state, after="running")
            return replace(base, action=Action.RESTART, changes=(why,))
        others = [key for key, one in service.depends_on.items() if one.restart and key in self.replaced]
        if others:
            return replace(base, action=Action.RESTART, changes=(Change("depends_on", others[0]),))
        return base

    def _changes(self, name: str, service: Service, number: int, seen: SeenContainer) -> list[Change]:
        found = self._image_changes(name, service, seen)
        group = labels.sharing_group(self.project.name, name)
        if name in self.shared and seen.sharing_group != group:
            found.append(Change("label", labels.SHARED_PORTS, before=seen.sharing_group, after=group))
        if seen.is_ours and seen.config_hash == self.hashes[name]:
            return found
        body = container_body(self.project, name, number, hash_=self.hashes[name], more_labels={})
        found += container_changes(body, seen)
        found += self._on_networks(service, seen)
        if not found and seen.is_ours:
            # something was taken away that cannot be seen from outside
            found.append(Change("configuration"))
        return found

    def _image_changes(self, name: str, service: Service, seen: SeenContainer) -> list[Change]:
        image = image_of(self.project, name, service)
        found = []
        present = self.pinned.get(name) or self.world.images.get(image, "")
        if name not in self.pinned and seen.image != image:
            found.append(Change("image", before=seen.image, after=image))
        if present and seen.image_engine_id and present != seen.image_engine_id:
            found.append(Change("image digest", before=seen.image_engine_id[:SHORT], after=present[:SHORT]))
        return found

    def _on_networks(self, service: Service, seen: SeenContainer) -> Iterator[Change]:
        wanted = {self.project.networks[key].name for key in service.networks}
        joined = set(seen.made.get("Networks") or {})
        if wanted:
            yield from (Change("network", before=name) for name in sorted(joined - wanted))
            yield from (Change("network", after=name) for name in sorted(wanted - joined))

    def _has_done_its_work(self, service: Service, seen: SeenContainer) -> bool:
        policy = service.restart.partition(":")[0]
        return seen.state == "exited" and seen.exit_code == 0 and policy in ENDS_BY_ITSELF and service.deploy is None


def _removal(seen: SeenContainer, *changes: Change, downtime: bool) -> Step:
    lost = Change("volume", ", ".join(seen.anonymous_volumes))
    return Step(
        Action.REMOVE,
        "container",
        seen.name,
        seen.service,
        seen.number,
        seen.engine_id,
        (*changes, *((lost,) if seen.anonymous_volumes else ())),
        downtime=downtime,
        data_loss=bool(seen.anonymous_volumes),
    )


def _with_downtime(steps: list[Step], found: Iterable[SeenContainer], service: Service) -> list[Step]:
    """Nobody answers while those that run are all away at once."""
    running = {one.engine_id for one in found if one.is_alive}
    going = [step for step in steps if step.engine_id in running and step.action in (Action.REPLACE, Action.RESTART)]
    staying = len(running) - min(len(going), width(update_of(service), len(going)))
    if not going or staying > 0:
        return steps
    return [replace(step, downtime=not step.is_first_started) if step in going else step for step in steps]
