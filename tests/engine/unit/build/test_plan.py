import pytest

from engine.build.arguments import BuildArguments, platform_arguments
from engine.build.parser import parse_dockerfile
from engine.build.plan import Plan, make_plan, source_stage
from engine.build.request import BuildRequest, build_tags
from engine.model.errors import Invalid, Unsupported
from engine.model.platform import Platform


def planned(text: str, *, request: BuildRequest | None = None, given: dict[str, str | None] | None = None) -> Plan:
    automatic = platform_arguments(target=Platform(architecture="arm64"), machine=Platform())
    return make_plan(
        parse_dockerfile(text), request or BuildRequest(), BuildArguments(given or {}, automatic=automatic)
    )


def indices(plan: Plan) -> list[int]:
    return [stage.index for stage in plan.stages]


def test_stages_nobody_needs_are_left_out() -> None:
    plan = planned("FROM a AS x\nRUN 1\nFROM b AS unused\nRUN 2\nFROM c\nCOPY --from=x /f /\n")
    assert indices(plan) == [0, 2]
    assert plan.step_count == 4


def test_needs_are_followed_through_bases_and_copies() -> None:
    plan = planned("FROM a AS x\nFROM x AS y\nFROM z\nFROM c AS w\nCOPY --from=1 /f /\nFROM w\n")
    assert indices(plan) == [0, 1, 3, 4]
    assert [stage.base_stage for stage in plan.stages] == [None, 0, None, 3]


@pytest.mark.parametrize(("target", "last"), [("", 2), ("X", 0), ("y", 1), ("1", 1), ("2", 2)])
def test_a_target_ends_the_build_early(target: str, last: int) -> None:
    plan = planned("FROM a AS x\nFROM b AS y\nFROM c\n", request=BuildRequest(target=target))
    assert plan.stages[-1].index == last


@pytest.mark.parametrize("target", ["nope", "3", "-1", "1" * 30])
def test_an_unknown_target_is_refused(target: str) -> None:
    with pytest.raises(Invalid, match=f"failed to reach build target {target} in Dockerfile"):
        planned("FROM a AS x\nFROM b AS y\nFROM c\n", request=BuildRequest(target=target))


@pytest.mark.parametrize(
    ("text", "given", "base"),
    [
        ("ARG V=1\nFROM a:$V", {}, "a:1"),
        ("ARG V=1\nFROM a:$V", {"V": "2"}, "a:2"),
        ("ARG V\nFROM a:${V:-3}", {}, "a:3"),
        ("ARG V=1\nARG W=x$V\nFROM a:$W", {"V": "2"}, "a:x2"),
        ("FROM a:$V", {"V": "2"}, "a:"),
        ("FROM a-$TARGETARCH-$BUILDARCH", {}, "a-arm64-amd64"),
    ],
)
def test_global_arguments_serve_from(text: str, given: dict[str, str | None], base: str) -> None:
    assert planned(text, given=given).stages[0].base == base


def test_a_platform_may_be_an_argument() -> None:
    assert planned("FROM --platform=$BUILDPLATFORM a").stages[0].platform == Platform()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("FROM ${X}", "line 1: base name (${X}) should not be blank"),
        ("FROM --platform=$X a", "line 1: invalid platform ''"),
        ("FROM a\nCOPY --from=7 a b", "line 2: invalid from flag value 7: index out of bounds"),
        ("FROM a\nCOPY --from=0 a b", "line 2: invalid from flag value 0: refers to current build stage"),
        ("FROM a AS me\nCOPY --from=me a b", "line 2: invalid from flag value me: refers to current build stage"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(Invalid) as refused:
        planned(text)
    assert message in str(refused.value)


def test_a_stage_named_later_is_taken_for_an_image() -> None:
    assert source_stage("later", {"later": 3}, current=1) is None
    assert planned("FROM later\nFROM x AS later").stages[0].base_stage is None


def test_labels_of_the_request_are_the_last_steps() -> None:
    plan = planned("FROM a\nRUN x\n", request=BuildRequest(labels={"b": "2 $x", "a": "1"}))
    assert [instruction.text for instruction in plan.stages[0].stage.instructions] == [
        "RUN x",
        "LABEL a=1",
        "LABEL b=2 $x",
    ]
    assert plan.step_count == 4


def test_a_stage_sees_a_global_argument_once_it_declares_it() -> None:
    arguments = BuildArguments({"given": "g", "proxyless": "p", "http_proxy": "h"})
    arguments.declare_global("outer", "o")
    stage = arguments.stage()
    assert stage.values() == {"http_proxy": "h"}
    stage.declare("outer", None)
    stage.declare("given", "default")
    stage.declare("nothing", None)
    assert stage.values() == {"given": "g", "http_proxy": "h", "outer": "o"}
    assert stage.values(hidden_by=["given"]) == {"http_proxy": "h", "outer": "o"}
    assert stage.recorded(stage.values()) == {"given": "g", "outer": "o"}
    assert arguments.unused() == ["proxyless"]
    assert arguments.stage().values() == {"http_proxy": "h"}


def test_an_argument_given_as_null_has_its_default() -> None:
    stage = BuildArguments({"a": None}).stage()
    stage.declare("a", "1")
    assert stage.values() == {"a": "1"}


def test_tags_are_checked_and_completed() -> None:
    assert [tag.familiar for tag in build_tags(["a", "a:latest", "b/c:1", ""])] == ["a:latest", "b/c:1"]


@pytest.mark.parametrize("name", ["Bad Name", "UPPER", "-x", "a@sha256:" + "a" * 64, "a:" + "x" * 200])
def test_a_bad_tag_is_invalid(name: str) -> None:
    with pytest.raises(Invalid):
        build_tags([name])


@pytest.mark.parametrize(
    "request_",
    [
        BuildRequest(squash=True),
        BuildRequest(network_mode="container:n1"),
    ],
)
def test_an_unsupported_parameter_is_refused(request_: BuildRequest) -> None:
    with pytest.raises(Unsupported):
        request_.refuse_unsupported()
