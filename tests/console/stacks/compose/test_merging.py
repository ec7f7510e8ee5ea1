"""Several files laid over one another; services that extend others; files that include files."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.stacks.compose.parts import Attachment, Dependency, Logging
from tests.fakes.compose_files import problem, project

TWO = ("compose.yaml", "over.yaml")


def over(base: str, more: str, **wanted: Any) -> Any:
    return project(base, files={"over.yaml": more}, paths=TWO, **wanted)


def service(base: str, more: str) -> Any:
    first = f"services: {{a: {{image: x, {base}}}, b: {{image: x}}}}\nnetworks: {{n: }}\nsecrets: {{s: {{file: f}}}}"
    return over(first, f"services: {{a: {{{more}}}}}").services["a"]


@pytest.mark.parametrize(
    ("base", "more", "field", "value"),
    [
        ("user: '1'", "user: '2'", "user", "2"),
        ("command: [a, b]", "command: c", "command", ("c",)),
        ("entrypoint: [a, b]", "entrypoint: [c]", "entrypoint", ("c",)),
        ("environment: [A=1, B=2]", "environment: {B: 3, C: 4}", "environment", {"A": "1", "B": "3", "C": "4"}),
        ("labels: {a: b}", "labels: [a=c, d]", "labels", {"a": "c", "d": ""}),
        ("dns: 1.1.1.1", "dns: [2.2.2.2, 1.1.1.1]", "dns", ("1.1.1.1", "2.2.2.2")),
        ("cap_add: [A_B]", "cap_add: [CAP_A_B, C_D]", "cap_add", ("CAP_A_B", "C_D")),
        ("expose: [80]", "expose: ['80', 81]", "expose", ("80", "81")),
        ("extra_hosts: [a=1.1.1.1]", "extra_hosts: [a=2.2.2.2]", "extra_hosts", {"a": ("1.1.1.1", "2.2.2.2")}),
        (
            "logging: {driver: d, options: {a: b}}",
            "logging: {options: {c: d}}",
            "logging",
            Logging("d", {"a": "b", "c": "d"}),
        ),
        ("logging: {driver: d, options: {a: b}}", "logging: {driver: e}", "logging", Logging("e")),
        (
            "depends_on: [b]",
            "depends_on: {b: {condition: service_healthy}}",
            "depends_on",
            {"b": Dependency("service_healthy")},
        ),
        ("networks: {n: {aliases: [x]}}", "networks: {n: }", "networks", {"n": Attachment(("x",))}),
        ("networks: [n]", "networks: {n: {aliases: [x]}}", "networks", {"n": Attachment(("x",))}),
        ("ports: ['80:80']", "ports: !reset []", "ports", ()),
        ("user: '1'", "user: !reset null", "user", ""),
        ("environment: {A: 1, B: 2}", "environment: {A: !reset , C: 3}", "environment", {"B": "2", "C": "3"}),
        ("environment: {A: 1}", "environment: !override {B: 2}", "environment", {"B": "2"}),
        ("dns: [1.1.1.1]", "dns: !override [2.2.2.2]", "dns", ("2.2.2.2",)),
        ("user: '1'", "user: ", "user", "1"),
    ],
)
def test_a_later_file_goes_over_an_earlier_one(base, more, field, value):
    assert getattr(service(base, more), field) == value


def test_ports_meet_by_all_they_say_and_mounts_by_their_target():
    found = service(
        "ports: ['80:80', '81:81'], volumes: ['./a:/x:ro', './b:/y:ro'], secrets: [s]",
        "ports: ['80:80', '8081:81', '80:80/udp'], volumes: ['./c:/x'], secrets: [{source: s, target: t}]",
    )
    assert [(port.published, port.protocol) for port in found.ports] == [
        ("80", "tcp"),
        ("81", "tcp"),
        ("8081", "tcp"),
        ("80", "udp"),
    ]
    assert [(mount.source, mount.read_only) for mount in found.volumes] == [("/stack/c", False), ("/stack/b", True)]
    assert [one.target for one in found.secrets] == ["", "t"]


def test_healthcheck_commands_are_replaced_and_the_rest_is_added():
    found = service("healthcheck: {test: [CMD, a], interval: 5s}", "healthcheck: {test: b, timeout: 1s}").healthcheck
    assert (found.test, found.interval_ns, found.timeout_ns) == (("CMD-SHELL", "b"), 5 * 10**9, 10**9)


def test_whole_services_and_resources_go_by_reset():
    found = over(
        "services: {a: {image: x}, b: {image: y}}\nvolumes: {v: {name: w}}",
        "services: {b: !reset , c: {image: z}}\nvolumes: {v: !override {labels: {a: b}}}",
    )
    assert found.services.keys() == {"a", "c"}
    assert (found.volumes["v"].name, found.volumes["v"].labels) == ("stack_v", {"a": "b"})


def test_the_name_of_the_last_file_counts_and_what_is_given_goes_before_it():
    assert over("name: one\nservices: {a: {image: $COMPOSE_PROJECT_NAME}}", "name: two").services["a"].image == "two"
    assert over("name: one\nservices: {a: {image: x}}", "name: two", name="three").name == "three"


def test_paths_of_every_file_are_relative_to_the_first():
    found = project(
        "services: {a: {image: x}}",
        files={"sub/over.yaml": "services: {a: {volumes: ['./d:/d']}}"},
        paths=("compose.yaml", "sub/over.yaml"),
    )
    assert found.services["a"].volumes[0].source == "/stack/d"


scalars = st.sampled_from(["one", "two", "three"])
services = st.fixed_dictionaries(
    {},
    optional={
        "image": scalars,
        "user": scalars,
        "environment": st.dictionaries(st.sampled_from("ABC"), scalars),
        "labels": st.dictionaries(st.sampled_from("abc"), scalars),
        "command": st.lists(scalars),
        "dns": st.lists(scalars, unique=True),
        "cap_add": st.lists(scalars, unique=True),
    },
)


def laid_over(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """The specification's rules, said again in a few lines."""
    found = dict(base)
    for name, value in more.items():
        if isinstance(value, dict):
            found[name] = {**found.get(name, {}), **value}
        elif isinstance(value, list) and name != "command":
            found[name] = list(dict.fromkeys([*found.get(name, []), *value]))
        else:
            found[name] = value
    return found


@settings(max_examples=40)
@given(st.lists(services, min_size=1, max_size=4))
def test_any_files_merge_as_the_rules_say_and_as_one_file_that_says_it_all(parts):
    import json

    parts[0] = {"image": "x", **parts[0]}
    texts = {f"{n}.yaml": json.dumps({"services": {"a": part}}) for n, part in enumerate(parts)}
    several = project("", files=texts, paths=tuple(texts))
    whole: dict[str, Any] = {}
    for part in parts:
        whole = laid_over(whole, part)
    assert several == project(json.dumps({"services": {"a": whole}}))


# --- extends ---


def test_extending_a_service_of_the_file_and_of_another_one():
    found = project(
        """
services:
  web: {extends: base, environment: {B: own}}
  base: {extends: {file: sub/common.yaml, service: app}, environment: {A: base, B: base}}
""",
        files={
            "sub/common.yaml": "services: {app: {image: x, volumes: ['./d:/d'], env_file: v, environment: {A: far}}}",
            "sub/v": "A=file\nC=file\n",
        },
    )
    web = found.services["web"]
    assert (web.image, web.volumes[0].source) == ("x", "/stack/sub/d")
    assert web.environment == {"A": "base", "B": "own", "C": "file"}


def test_reset_works_upon_what_is_extended():
    found = project(
        "services: {a: {extends: b, ports: !reset , user: !override x}, b: {image: x, ports: ['80'], user: y}}"
    )
    assert (found.services["a"].ports, found.services["a"].user) == ((), "x")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: {extends: a}", "extends itself"),
        ("a: {extends: b}, b: {extends: c}, c: {extends: a}", "extends itself"),
        ("a: {extends: bb}, bbb: {image: x}", "bbb"),
        ("a: {extends: {file: no.yaml, service: a}}", "no file"),
        ("a: {extends: {file: other.yaml, service: a}}", "extends itself"),
        (", ".join(f"s{n}: {{extends: s{n + 1}}}" for n in range(200)), "too often"),
    ],
)
def test_extending_what_is_not_there_or_oneself_is_refused(text, words):
    other = "services: {a: {extends: {file: compose.yaml, service: a}}}"
    found = problem(f"services: {{{text}}}", files={"other.yaml": other})
    assert words in found.message
    assert found.mark.line == 1


# --- include ---


def test_included_files_have_their_own_directory_and_variables():
    found = project(
        "include: [sub/compose.yaml]\nservices: {a: {image: '$V', depends_on: [b]}}",
        files={
            ".env": "V=outer\n",
            "sub/compose.yaml": "services: {b: {image: '$V-$W', volumes: ['./d:/d', 'v:/v']}}\nvolumes: {v: }",
            "sub/.env": "V=inner\nW=inner\n",
        },
    )
    assert (found.services["a"].image, found.services["b"].image) == ("outer", "outer-inner")
    assert found.services["b"].volumes[0].source == "/stack/sub/d"
    assert found.volumes["v"].name == "stack_v"


def test_includes_in_full_are_several_files_with_variables_of_their_own():
    found = project(
        "include: [{path: [sub/a.yaml, sub/b.yaml], env_file: x.env, project_directory: other}]\n"
        "services: {a: {image: x}}",
        files={
            "sub/a.yaml": "services: {b: {image: '$W', volumes: ['./d:/d']}}",
            "sub/b.yaml": "services: {b: {user: u}}",
            "x.env": "W=w\n",
        },
    )
    assert (found.services["b"].image, found.services["b"].user) == ("w", "u")
    assert found.services["b"].volumes[0].source == "/stack/other/d"


def test_a_later_file_goes_over_what_an_earlier_one_included():
    found = project(
        "include: [b.yaml]\nservices: {a: {image: x}}",
        files={"b.yaml": "services: {b: {image: x}}", "over.yaml": "services: {b: {image: y}}"},
        paths=TWO,
    )
    assert found.services["b"].image == "y"


@pytest.mark.parametrize(
    ("text", "files", "words"),
    [
        ("include: [b.yaml]", {"b.yaml": "include: [c.yaml]", "c.yaml": "include: [b.yaml]"}, "circle"),
        ("include: [compose.yaml]", {}, "circle"),
        ("include: [no.yaml]", {}, "no file"),
        ("include: [{path: b.yaml, env_file: no.env}]", {"b.yaml": "services: {}"}, "no file"),
        ("include: [b.yaml]\nservices: {a: {image: y}}", {"b.yaml": "services: {a: {image: x}}"}, "differently"),
        (
            f"include: [{', '.join(f'f{n}.yaml' for n in range(100))}]",
            {f"f{n}.yaml": f"services: {{s{n}: {{image: x}}}}" for n in range(100)},
            "more than 64 files",
        ),
    ],
)
def test_includes_that_cannot_be_are_refused(text, files, words):
    assert words in problem(text, files=files).message


def test_the_same_thing_from_two_includes_is_one_thing():
    same = "services: {s: {image: x}}"
    found = project("include: [b.yaml, c.yaml]\nservices: {a: {image: x}}", files={"b.yaml": same, "c.yaml": same})
    assert found.services.keys() == {"a", "s"}


# --- files of variables and labels ---


def test_files_of_variables_go_before_one_another_and_below_what_is_said():
    found = project(
        "services: {a: {image: x, env_file: [one.env, {path: two.env, format: raw}, {path: no.env, required: false}],"
        " environment: {A: said, D: }, label_file: l.env, labels: {x: said}}}",
        files={"one.env": "A=1\nB=1\nD=1\n", "two.env": "B='$A'\nC=2\n", "l.env": "x=file\ny=file\n"},
    )
    assert found.services["a"].environment == {"A": "said", "B": "'$A'", "C": "2"}
    assert found.services["a"].labels == {"x": "said", "y": "file"}


def test_a_missing_file_of_variables_is_told():
    assert "/stack/no.env" in problem("services: {a: {image: x, env_file: no.env}}").message
