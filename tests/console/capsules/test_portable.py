"""A release as one Compose file that stands alone, on any host and under any name."""

from dataclasses import replace
from typing import Any

from console.capsules.portable import hints_of, portable, secrets_of, taken_volumes
from console.stacks.compose.loading import Request, load
from console.stacks.compose.model import Project, Service
from tests.fakes.compose_files import project

TEXT = """
services:
  web:
    build: .
    pull_policy: build
    environment: {DOLLAR: "a$$b", PASSWORD: "secret:db-password", EMPTY: ""}
    volumes: ["./conf:/conf:ro", "data:/data", "/var/run:/run/host", /anon]
    configs: [{source: c, target: /etc/c}]
    secrets: [s, kept]
    networks: [default, front]
  db: {image: "db@sha256:DIGEST", pull_policy: always, container_name: the-db, volumes: ["named:/n", "remote:/r"]}
networks: {front: {name: shared}}
volumes: {data: , named: {name: of-its-own}, remote: {driver_opts: {type: nfs, o: addr=x, device: ":/x"}}}
configs: {c: {content: "price: $$5"}}
secrets: {s: {file: ./s.txt}, kept: {external: true, name: kept-secret}}
""".replace("DIGEST", "ab" * 32)
CONTENTS = {"configs/c": "price: $5", "secrets/s": "very-secret-thing", "secrets/kept": "secret:kept-secret"}
ID = "cd" * 32


def moved(text: str = TEXT, name: str = "elsewhere_again", **more: Any) -> Project:
    found = portable(project(text, name="main_shop"), CONTENTS, pinned=more.pop("pinned", {"db": ID}))
    request = Request(f"/srv/{name}", name=name)
    return load(request, {f"/srv/{name}/compose.yaml": found.compose}.get).project


def test_names_of_the_project_become_those_of_the_new_one_and_others_stay() -> None:
    found = moved()
    assert {key: one.name for key, one in found.volumes.items()} == {
        "data": "elsewhere_again_data",
        "named": "of-its-own",
        "remote": "elsewhere_again_remote",
    }
    assert {key: one.name for key, one in found.networks.items()} == {
        "front": "shared",
        "default": "elsewhere_again_default",
    }
    assert found.services["db"].container_name == "the-db"


def test_what_runs_is_what_ran() -> None:
    web, db = moved().services["web"], moved().services["db"]
    assert (web.image, web.build, web.pull_policy) == ("main_shop-web", None, "missing")
    assert (db.image, db.pull_policy) == (f"sha256:{ID}", "missing")
    assert web.environment == {"DOLLAR": "a$b", "PASSWORD": "secret:db-password", "EMPTY": ""}
    assert web.volumes[0].source == "/srv/elsewhere_again/conf"
    assert moved().configs["c"].content == "price: $5"


def test_all_else_is_the_same() -> None:
    def plain(service: Service) -> Service:
        return replace(service, image="", build=None, pull_policy="", volumes=service.volumes[1:])

    before, after = project(TEXT, name="main_shop"), moved()
    for name, service in before.services.items():
        assert plain(service) == plain(after.services[name])


def test_no_value_of_a_secret_is_in_it_and_its_name_is_asked_for() -> None:
    found = portable(project(TEXT, name="main_shop"), CONTENTS, pinned={})
    assert "very-secret-thing" not in found.compose
    secrets = moved().secrets
    assert (secrets["s"].external, secrets["s"].name) == (True, "s")
    assert (secrets["kept"].external, secrets["kept"].name) == (True, "kept-secret")
    hints = hints_of(project(TEXT, name="main_shop"), CONTENTS)
    assert secrets_of(hints) == ["db-password", "kept-secret", "s"]
    assert hints["web"].configs == ("/etc/c",)
    # as they will be known where it is restored
    given = {"configs/c": "price: $5", "secrets/s": "secret:s", "secrets/kept": "secret:kept-secret"}
    assert hints_of(moved(), given) == hints


def test_it_says_what_cannot_come_along() -> None:
    found = portable(project(TEXT, name="main_shop"), CONTENTS, pinned={})
    assert found.volumes == {"data": "main_shop_data", "named": "of-its-own"}
    assert taken_volumes(project(TEXT, name="main_shop")) == found.volumes
    assert found.left == (
        "path ./conf (web)",
        "path /var/run (web)",
        "volume at /anon (web)",
        "volume main_shop_remote",
    )


def test_a_file_that_was_made_portable_stays_as_it_is() -> None:
    first = portable(project(TEXT, name="main_shop"), CONTENTS, pinned={"db": ID})
    again = portable(moved(), {**CONTENTS, "secrets/s": "secret:s"}, pinned={})
    assert again.compose == first.compose
