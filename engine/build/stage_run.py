"""One stage carried out, instruction by instruction."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from engine.build import instructions as i
from engine.build.arguments import StageArguments
from engine.build.configuration import Setting, command_words, configure, environment, working_directory
from engine.build.copy_step import run_copy, unpack
from engine.build.copying import directory_plan
from engine.build.created_by import nop, nop_on_files, run_by
from engine.build.lineage import Lineage
from engine.build.messages import StepFailed
from engine.build.mounting import StepMounts, known_mounts, lay_mounts, missing_places, remove_stubs, smooth
from engine.build.output import StepOutput, reddened
from engine.build.parser import parse_triggers
from engine.build.plan import SCRATCH, PlannedStage
from engine.build.rootfs import Rootfs
from engine.build.threads import in_thread
from engine.build.workshop import Workshop
from engine.model.container import ContainerSpec
from engine.model.digest import Digest
from engine.model.errors import Denied, EngineError, Invalid, Unsupported
from engine.model.image import Image
from engine.registry.documents import is_fit
from engine.store.records import Layer

_DEFAULT_SHM_BYTES = 64 << 20
_NO_IMAGE = Digest.of(b"")  # what a RUN on scratch names as its image


async def run_stage(workshop: Workshop, planned: PlannedStage, arguments: StageArguments) -> Image | None:
    """The stage's image; None when it is FROM scratch and did nothing. Raises what a step raises."""
    await workshop.begin_step(planned.stage.base.text)
    async with _pointed_at(workshop, planned.stage.base):
        base = await _base_image(workshop, planned)
    await workshop.say(f" ---> {base.id.short if base else ''}\n")
    platform = planned.platform or workshop.services.machine
    run = _StageRun(workshop, planned, Lineage(workshop, base, platform=platform, arguments=arguments))
    async with _pointed_at(workshop, planned.stage.base):
        await run.triggers()
    for instruction in planned.stage.instructions:
        await workshop.begin_step(instruction.text)
        async with _pointed_at(workshop, instruction):
            await run.instruction(instruction)
    return run.lineage.image


@asynccontextmanager
async def _pointed_at(workshop: Workshop, instruction: i.Instruction) -> AsyncIterator[None]:
    """When the step fails: say which line it is, before the error, whose words clients look into."""
    try:
        yield
    except EngineError:
        if instruction.number:
            text = instruction.text.partition("\n")[0][:200]
            await workshop.say(reddened(f"{workshop.request.dockerfile}:{instruction.number}: {text}\n"))
        raise


async def _base_image(workshop: Workshop, planned: PlannedStage) -> Image | None:
    if planned.base_stage is not None:
        return workshop.results[planned.base_stage]
    if planned.base == SCRATCH:
        return None
    image = await workshop.image_named(planned.base, platform=planned.platform)
    if planned.platform and not is_fit(image.platform, planned.platform):
        raise Invalid(
            f"image with reference {planned.base} was found but does not match the specified platform: "
            f"wanted {planned.platform}, actual: {image.platform}"
        )
    return image


class _StageRun:
    def __init__(self, workshop: Workshop, planned: PlannedStage, lineage: Lineage) -> None:
        self._workshop = workshop
        self._planned = planned
        self.lineage = lineage

    async def triggers(self) -> None:
        """What the base image's ONBUILD left for us; the triggers do not pass on to what is built here."""
        triggers = self.lineage.config.on_build
        if not triggers:
            return
        instructions = parse_triggers(triggers)
        self.lineage.drop_triggers()
        await self._workshop.say(f"# Executing {len(triggers)} build trigger{'s' if len(triggers) > 1 else ''}\n")
        for instruction in instructions:
            await self.instruction(instruction)

    async def instruction(self, instruction: i.Instruction) -> None:
        try:
            match instruction:
                case i.Run():
                    await self._run(instruction)
                case i.Copy():
                    await run_copy(self._workshop, self.lineage, instruction, stage_index=self._planned.index)
                case i.Workdir():
                    await self._workdir(instruction)
                case i.Arg():
                    await self._arg(instruction)
                case _:
                    configured = configure(instruction, self.lineage.setting)
                    await self.lineage.advance(configured.created_by, setting=configured.setting)
        except Unsupported as error:
            raise Unsupported(f"dockerfile line {instruction.number}: {error}") from error

    async def _arg(self, arg: i.Arg) -> None:
        shown: list[str] = []
        for name, default in arg.defaults:
            setting = self.lineage.setting
            name = setting.expanded(name)
            default = setting.expanded(default) if default is not None else None
            self.lineage.arguments.declare(name, default)
            shown.append(name if default is None else f"{name}={default}")
        await self.lineage.advance(nop(self.lineage.config, " ".join(["ARG", *shown])))

    async def _workdir(self, workdir: i.Workdir) -> None:
        setting = self.lineage.setting
        path = working_directory(setting.expanded(workdir.path), setting.config)
        changed: Setting = replace(setting, config=replace(setting.config, working_dir=path))
        created_by = nop_on_files(changed.config, f"WORKDIR {path}")
        await self.lineage.advance(created_by, setting=changed, make=lambda: self._directory_layer(path))

    async def _directory_layer(self, path: str) -> Layer | None:
        services = self._workshop.services
        async with services.containers.scratch(self.lineage.diff_ids) as scratch:
            rootfs, now_ns = Rootfs(scratch.rootfs), self._workshop.now_ns
            made = await in_thread(directory_plan, path, rootfs=rootfs, now_ns=now_ns)
            if not made.entries:
                return None
            await unpack(scratch, made)
            return await self._workshop.commit(scratch.upper, parent_diff_ids=self.lineage.diff_ids)

    async def _run(self, run: i.Run) -> None:
        config = self.lineage.config
        argv = command_words(run.command, config)
        arguments = self.lineage.arguments.values(hidden_by=environment(config))
        created_by = run_by(argv, self.lineage.arguments.recorded(arguments))
        spec = self._spec(run, argv, arguments)
        async with AsyncExitStack() as held:
            mounts = await known_mounts(self._workshop, self.lineage, run, held, stage_index=self._planned.index)
            await self.lineage.advance(
                created_by, depends_on=(run.network, *mounts.facts), make=lambda: self._run_layer(spec, argv, mounts)
            )

    def _spec(self, run: i.Run, argv: tuple[str, ...], arguments: dict[str, str]) -> ContainerSpec:
        request, config, image = self._workshop.request, self.lineage.config, self.lineage.image
        network = request.network_mode if request.network_mode not in ("", "default") else "bridge"
        if run.network == "host" and network != "host":
            raise Denied(
                "RUN --network=host: a Dockerfile may use the host's network only where the build does: "
                "build with networkmode host (docker build --network host)"
            )
        return ContainerSpec(
            image_id=image.id if image else _NO_IMAGE,
            image_name=str(image.id) if image else SCRATCH,
            cmd=argv,
            env=(*config.env, *(f"{name}={value}" for name, value in arguments.items())),
            working_dir=config.working_dir,
            user=config.user,
            stop_signal=config.stop_signal,
            network_mode=network if run.network == "default" else run.network,
            extra_hosts=request.extra_hosts,
            shm_size_bytes=request.shm_size_bytes or _DEFAULT_SHM_BYTES,
            resources=request.resources,
        )

    async def _run_layer(self, spec: ContainerSpec, argv: tuple[str, ...], mounts: StepMounts) -> Layer | None:
        services = self._workshop.services
        async with AsyncExitStack() as held:
            laid = await lay_mounts(self._workshop, self.lineage, mounts, held)
            stubs = await missing_places(self._workshop, self.lineage, mounts.targets)
            new_volumes = await missing_places(self._workshop, self.lineage, mounts.volumes)
            spec = replace(spec, mounts=tuple(laid))
            step = await held.enter_async_context(services.containers.step(spec, layers=self.lineage.diff_ids))
            await self._workshop.say(f" ---> Running in {step.id[:12]}\n")
            output = StepOutput(self._workshop.emit)
            code = await step.run(output.take)
            await output.end()
            if code:
                raise StepFailed(f"The command '{' '.join(argv)}' returned a non-zero code: {code}", code=code)
            await in_thread(remove_stubs, step.upper, stubs)
            await in_thread(smooth, step.upper, new_volumes)
            layer = await self._workshop.commit(
                step.upper, parent_diff_ids=self.lineage.diff_ids, skip_mount_points=True
            )
        await self._workshop.say(f"Removing intermediate container {step.id[:12]}\n")
        return layer
