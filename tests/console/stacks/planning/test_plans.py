"""What a plan says is to be done, why, and what it costs."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.operations.errors import Conflict
from console.stacks.compose.model import Project
from console.stacks.planning.bodies import Contents
from console.stacks.planning.plans import Action, Doubt, Plan
from console.stacks.planning.steps import ordered, plan, plan_removal
from tests.fakes.compose_files import project
from tests.fakes.compose_host import Host, digest

SHOP = """
services:
  web: {image: web, ports: ["8080:80"], environment: {A: "1"}, depends_on: [db], scale: 2}
  db: {image: db, volumes: ["data:/data"], networks: [back]}
  idle: {image: web, networks: [back]}
networks: {back: }
volumes: {data: , unused: }
"""


def deployed(text: str = SHOP) -> tuple[Host, Project]:
    host, found = Host(web="1", db="1"), project(text)
    host.apply(plan(found, host.world(found)), found)
    return host, found


def said(found: Plan) -> dict[str, list[str]]:
    """Names of what is not kept, by what is done to it."""
    result: dict[str, list[str]] = {}
    for step in found.steps:
        if step.action is not Action.KEEP:
            result.setdefault(step.action.value, []).append(step.name)
    return result


def changed(more: str, base: str = SHOP) -> tuple[Plan, Host]:
    host, _found = deployed(base)
    wanted = project(base, files={"over.yaml": more}, paths=("compose.yaml", "over.yaml"))
    return plan(wanted, host.world(wanted)), host


def reasons(found: Plan, name: str) -> list[str]:
    return [str(change) for step in found.steps if step.name == name for change in step.changes]


def test_the_first_plan_makes_everything_in_the_order_of_dependencies():
    host, wanted = Host(db="1"), project(SHOP)
    found = plan(wanted, host.world(wanted))
    assert [(step.action.value, step.kind, step.name) for step in found.steps] == [
        ("pull", "image", "web"),
        ("create", "network", "stack_back"),
        ("create", "network", "stack_default"),
        ("create", "volume", "stack_data"),
        ("create", "container", "stack-db-1"),
        ("create", "container", "stack-idle-1"),
        ("create", "container", "stack-web-1"),
        ("create", "container", "stack-web-2"),
    ]
    assert not found.has_downtime


def test_what_has_been_applied_needs_nothing_more():
    host, wanted = deployed()
    found = plan(wanted, host.world(wanted))
    assert found.is_empty
    assert found.counts == {"keep": 4}


@pytest.mark.parametrize(
    ("more", "name", "why"),
    [
        ("services: {web: {image: other}}", "stack-web-1", ["image web → other"]),
        ("services: {web: {environment: {A: '2'}}}", "stack-web-1", ["environment A changed"]),
        (
            "services: {web: {ports: !override ['81:80']}}",
            "stack-web-1",
            ["port removed: 8080:80/tcp", "port added: 81:80/tcp"],
        ),
        ("services: {web: {ports: !reset }}", "stack-web-1", ["port removed: 8080:80/tcp"]),
        ("services: {web: {command: [a, b]}}", "stack-web-1", ["command added: a b"]),
        ("services: {web: {mem_limit: 64m}}", "stack-web-1", ["mem_limit 0 → 67108864"]),
        ("services: {web: {restart: always}}", "stack-web-1", ["restart no → always"]),
        ("services: {web: {labels: {a: b}}}", "stack-web-1", ["label a added: b"]),
        ("services: {web: {environment: !reset }}", "stack-web-1", ["configuration changed"]),
        (
            "services: {db: {volumes: !override ['data:/other']}}",
            "stack-db-1",
            ["volume /data removed: stack_data", "volume /other added: stack_data"],
        ),
        (
            "services: {db: {networks: !override [default]}}",
            "stack-db-1",
            ["network_mode stack_back → stack_default", "network removed: stack_back", "network added: stack_default"],
        ),
    ],
)
def test_what_changed_is_replaced_and_the_reason_told(more, name, why):
    found, _host = changed(more)
    assert reasons(found, name) == why
    assert all(step.name.startswith(name[:-1]) for step in found.steps if step.action is Action.REPLACE)


def test_another_image_under_the_same_name_replaces():
    host, wanted = deployed()
    host.images["db"] = digest("2")
    found = plan(wanted, host.world(wanted))
    assert said(found) == {"replace": ["stack-db-1"]}
    assert reasons(found, "stack-db-1") == [f"image digest {digest('1')[:12]} → {digest('2')[:12]}"]


def test_another_content_of_a_secret_replaces_who_has_it():
    text = "services: {a: {image: web, secrets: [s]}, b: {image: web}}\nsecrets: {s: {environment: S}}"
    host, wanted = Host(web="1"), project(text)
    first = Contents({"secrets/s": "one"})
    host.apply(plan(wanted, host.world(wanted), contents=first), wanted)
    assert plan(wanted, host.world(wanted), contents=first).is_empty
    found = plan(wanted, host.world(wanted), contents=Contents({"secrets/s": "two"}))
    assert said(found) == {"replace": ["stack-a-1"]}


def test_one_of_one_that_is_replaced_is_away_and_one_of_two_is_not():
    found, _host = changed("services: {web: {user: u}, db: {user: u}}")
    assert {step.name: step.downtime for step in found.steps if step.action is Action.REPLACE} == {
        "stack-db-1": True,
        "stack-web-1": False,
        "stack-web-2": False,
    }


@pytest.mark.parametrize(
    ("deploy", "ports", "is_first", "downtime"),
    [
        ("{update_config: {order: start-first}}", "[]", True, False),
        ("{update_config: {order: start-first}}", "['80']", True, False),
        ("{update_config: {order: start-first}}", "['80:80']", False, True),
        ("{update_config: {order: stop-first}}", "[]", False, True),
        ("{replicas: 3, update_config: {parallelism: 0}}", "[]", False, True),
        ("{replicas: 3, update_config: {parallelism: 2}}", "[]", False, False),
    ],
)
def test_the_order_and_width_of_an_update_decide_of_downtime(deploy, ports, is_first, downtime):
    base = f"services: {{a: {{image: web, ports: {ports}, deploy: {deploy}}}}}"
    found, _host = changed("services: {a: {user: u}}", base)
    steps = [step for step in found.steps if step.action is Action.REPLACE]
    assert {(step.is_first_started, step.downtime) for step in steps} == {(is_first, downtime)}


def test_scaling_makes_and_removes_by_number():
    assert said(changed("services: {web: {scale: 4}}")[0]) == {"create": ["stack-web-3", "stack-web-4"]}
    fewer, _host = changed("services: {web: {scale: 1}}")
    assert said(fewer) == {"remove": ["stack-web-2"]}
    assert not fewer.has_downtime
    none, _host = changed("services: {web: {scale: 0}}")
    assert none.has_downtime


def test_what_is_no_part_any_more_is_removed_with_its_network():
    found, _host = changed(
        "services: {db: !reset , idle: !reset , web: {depends_on: !reset }}\nvolumes: {data: !reset }"
    )
    assert said(found) == {"remove": ["stack-db-1", "stack-idle-1"]}
    alone, _host = changed(
        "services: {db: !reset , idle: !reset , web: {depends_on: !reset }}\nnetworks: {back: !reset }"
    )
    assert said(alone)["remove"] == ["stack-db-1", "stack-idle-1", "stack_back"]


@pytest.mark.parametrize(
    ("state", "exit_code", "restart", "action"),
    [
        ("exited", 1, "", Action.RESTART),
        ("exited", 0, "", Action.KEEP),
        ("exited", 0, "restart: always", Action.RESTART),
        ("created", 0, "", Action.REPLACE),
        ("dead", 0, "", Action.RESTART),
        ("paused", 0, "", Action.KEEP),
    ],
)
def test_what_should_run_is_started_and_what_has_done_its_work_is_left(state, exit_code, restart, action):
    host, wanted = deployed(f"services: {{a: {{image: web, {restart}}}}}")
    for document in host.containers.values():
        document["State"] = {"Status": state, "ExitCode": exit_code}
    assert plan(wanted, host.world(wanted)).steps[-1].action is action


def test_who_restarts_with_another_is_restarted_with_it():
    base = "services: {a: {image: web, depends_on: {b: {condition: service_started, restart: true}}}, b: {image: db}}"
    found, _host = changed("services: {b: {user: u}}", base)
    assert said(found) == {"replace": ["stack-b-1"], "restart": ["stack-a-1"]}


def test_a_network_that_must_be_another_takes_its_containers_with_it():
    found, _host = changed("networks: {back: {internal: true}}")
    assert said(found) == {"replace": ["stack_back", "stack-db-1", "stack-idle-1"]}
    assert reasons(found, "stack_back") == ["internal false → true"]


def test_volumes_are_never_made_anew():
    found, _host = changed("volumes: {data: {driver: other}}")
    assert found.is_empty
    assert (Doubt.OTHER_VOLUME, "stack_data") in [(one.doubt, one.name) for one in found.remarks]


def test_what_is_somebody_elses_is_not_made():
    text = "services: {a: {image: web, networks: [n], volumes: ['v:/v']}}\nnetworks: {n: {external: true}}\n"
    host, wanted = Host(web="1"), project(text + "volumes: {v: {external: true}}")
    found = plan(wanted, host.world(wanted))
    assert said(found) == {"create": ["stack-a-1"]}
    assert [one.doubt for one in found.remarks] == [Doubt.NO_NETWORK, Doubt.NO_VOLUME]


def test_anonymous_volumes_that_go_are_data_that_is_lost():
    host, _wanted = deployed()
    (engine_id,) = (key for key, one in host.containers.items() if one["Name"] == "/stack-web-2")
    host.containers[engine_id]["Mounts"] = [{"Type": "volume", "Name": digest("v"), "Destination": "/anon"}]
    fewer = project(SHOP.replace("scale: 2", "scale: 1"))
    found = plan(fewer, host.world(fewer))
    assert found.has_data_loss
    assert "volume /anon" in str(found.steps[-1])


def test_removal_leaves_volumes_unless_they_are_asked_for():
    host, wanted = deployed()
    found = plan_removal(wanted.name, host.world(wanted), with_volumes=False)
    assert not found.has_data_loss
    assert [step.name for step in found.steps if step.action is Action.KEEP] == ["stack_data"]
    assert plan_removal(wanted.name, host.world(wanted), with_volumes=True).has_data_loss


def test_a_project_of_docker_compose_is_kept_as_it_runs():
    host, wanted = deployed()
    for document in host.containers.values():
        document["Config"]["Labels"].pop("naru.release")
        document["Config"]["Labels"]["com.docker.compose.config-hash"] = "by somebody else"
        document["Name"] = document["Name"].replace("-", "_")
    assert plan(wanted, host.world(wanted)).is_empty
    other = project(SHOP.replace("8080:80", "8081:80"))
    assert said(plan(other, host.world(other))) == {"replace": ["stack_web_1", "stack_web_2"]}


def test_one_off_containers_belong_to_who_made_them():
    host, wanted = deployed()
    for document in host.containers.values():
        document["Config"]["Labels"]["com.docker.compose.oneoff"] = "True"
    assert host.world(wanted).containers == ()


def test_a_plan_is_refused_once_the_world_has_moved():
    host, _wanted = deployed()
    other = project(SHOP.replace("8080", "8081"))
    found = plan(other, host.world(other))
    plan(other, host.world(other)).require(found.digest)
    next(iter(host.containers.values()))["State"] = {"Status": "exited", "ExitCode": 3}
    with pytest.raises(Conflict):
        plan(other, host.world(other)).require(found.digest)


def test_a_plan_comes_back_from_json_with_its_digest():
    found, _host = changed("services: {web: {image: other}}")
    document = json.loads(json.dumps(found.document()))
    assert document["digest"] == found.digest
    assert document["counts"] == {"replace": 2, "keep": 2}
    assert Plan.from_document(document).digest == found.digest


def test_the_text_of_a_plan_says_what_is_done():
    text = changed("services: {db: {image: web}, web: {scale: 3}}")[0].text()
    assert "± replace container  stack-db-1  (image db → web)  ! downtime" in text
    assert "! downtime" in text
    assert "+ create  container  stack-web-3" in text
    assert "Unchanged: 6" in text


def test_services_come_after_those_they_depend_on():
    found = project("services: {a: {image: x, depends_on: [b, c]}, b: {image: x, depends_on: [c]}, c: {image: x}}")
    assert ordered(found) == ["c", "b", "a"]


parts: Any = st.fixed_dictionaries(
    {"image": st.sampled_from(["web", "db"])},
    optional={
        "scale": st.integers(0, 3),
        "user": st.sampled_from(["1", "2"]),
        "environment": st.dictionaries(st.sampled_from("AB"), st.sampled_from("12")),
        "ports": st.lists(st.sampled_from(["80:80", "81"]), unique=True),
        "networks": st.lists(st.sampled_from(["n", "m"]), unique=True, min_size=1),
        "volumes": st.lists(st.sampled_from(["v:/v", "./d:/d", "/anon"]), unique=True),
    },
)
stacks = st.dictionaries(st.sampled_from("abc"), parts, min_size=1)
REST = {"networks": {"n": None, "m": None}, "volumes": {"v": None}}


@settings(max_examples=40)
@given(st.lists(stacks, min_size=1, max_size=3))
def test_whatever_is_applied_after_whatever_then_needs_nothing_more(versions):
    host = Host(web="1", db="1")
    for services in versions:
        wanted = project(json.dumps({"services": services, **REST}))
        host.apply(plan(wanted, host.world(wanted)), wanted)
        assert plan(wanted, host.world(wanted)).is_empty
        running = {one["Name"] for one in host.containers.values()}
        assert running == {
            f"/stack-{name}-{number}" for name, one in wanted.services.items() for number in range(1, one.replicas + 1)
        }
