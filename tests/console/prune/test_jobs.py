"""On the host: images lose their names and can have them back, and what is used by then stays."""

from typing import Any

import pytest

from console.operations.errors import Missing
from console.prune.jobs import prune, remove, restore
from console.prune.planning import held_name
from tests.fakes.image_engine import ImageEngine, Run, done

A, B = 64 * "a", 64 * "b"


def image(engine_id: str, *names: str, **facts: Any) -> dict[str, Any]:
    return {"Id": f"sha256:{engine_id}", "RepoTags": list(names), "Size": 9, "SharedSize": 0, "Containers": 0, **facts}


def pruned(engine: ImageEngine, *items: str, days: int = 0) -> tuple[dict[str, Any], Run]:
    run = Run(engine)
    result = done(prune(run.as_run, {"items": list(items), "older_than_days": days, "held_days": 7}))
    return result, run


def test_an_image_is_held_by_another_name_before_it_loses_its_own() -> None:
    engine = ImageEngine({"a:1": A, "a:2": A}, {A}, df={"Images": [image(A, "a:1", "a:2")]})
    result, run = pruned(engine, f"unused:{A}")
    assert engine.names == {held_name(A): A}
    fact = {"engine_id": A, "references": ["a:1", "a:2"], "size_bytes": 9, "days": 7}
    assert run.told == [("images.quarantined", {"job": 7, "images": [fact]})]
    assert (result["held"], result["left"], result["freed_bytes"]) == (1, 0, 0)


def test_what_was_not_chosen_or_is_used_by_now_stays() -> None:
    used = {"Id": "c", "ImageID": f"sha256:{B}", "State": "running", "Names": ["/web"]}
    df = {"Images": [image(A, "a:1"), image(B, "b:1")], "Containers": [used]}
    engine = ImageEngine({"a:1": A, "b:1": B}, {A, B}, df=df)
    result, run = pruned(engine, f"unused:{B}", "volume:gone-by-now")
    assert engine.names == {"a:1": A, "b:1": B}
    assert (result["held"], result["left"]) == (0, 2)
    assert "stay" in run.text


def test_containers_and_volumes_go_without_force_and_without_other_volumes() -> None:
    container = {"Id": "c1", "State": "exited", "Names": ["/web"], "SizeRw": 5}
    volume = {"Name": "data", "UsageData": {"RefCount": 0, "Size": 7}}
    engine = ImageEngine(df={"Containers": [container], "Volumes": [volume], "BuildCache": []})
    result, run = pruned(engine, "container:c1", "volume:data")
    assert ("DELETE", "containers/c1", {}) in engine.asked
    assert ("DELETE", "volumes/data", {}) in engine.asked
    assert result["freed_bytes"] == 12
    assert run.told == [("containers.gone", {"engine_ids": ["c1"]})]


def restored(engine: ImageEngine, *references: str) -> Run:
    run = Run(engine)
    done(restore(run.as_run, {"engine_id": A, "references": list(references)}))
    return run


def test_an_image_gets_its_names_again() -> None:
    engine = ImageEngine({held_name(A): A}, {A})
    run = restored(engine, "a:1", "a:2")
    assert engine.names == {"a:1": A, "a:2": A}
    assert run.told == [("images.left_quarantine", {"engine_ids": [A]})]


@pytest.mark.parametrize("references", [[], ["b:1"]])
def test_one_without_a_name_of_its_own_gets_one_that_keeps_it(references: list[str]) -> None:
    engine = ImageEngine({held_name(A): A, "b:1": B}, {A, B})
    restored(engine, *references)
    assert engine.names == {f"restored/{A[:12]}:latest": A, "b:1": B}
    assert A in engine.ids


def test_one_that_is_gone_is_not_held_any_more() -> None:
    run = Run(ImageEngine())
    with pytest.raises(Missing):
        done(restore(run.as_run, {"engine_id": A, "references": ["a:1"]}))
    assert run.told == [("images.left_quarantine", {"engine_ids": [A]})]


def removed(engine: ImageEngine) -> dict[str, Any]:
    return done(remove(Run(engine).as_run, {"engine_id": A, "references": ["a:1"]}))


def test_an_image_whose_time_is_over_goes() -> None:
    engine = ImageEngine({held_name(A): A}, {A})
    assert removed(engine) == {"removed": True}
    assert (engine.names, engine.ids) == ({}, set())
    # done again by a later attempt
    assert removed(engine) == {"removed": True}


def test_one_that_is_used_again_is_put_back() -> None:
    engine = ImageEngine({held_name(A): A}, {A}, used={A})
    assert removed(engine) == {"removed": False}
    assert engine.names == {"a:1": A}


def test_one_that_got_another_name_meanwhile_keeps_it() -> None:
    engine = ImageEngine({held_name(A): A, "mine:1": A}, {A})
    assert removed(engine) == {"removed": False}
    assert engine.names == {"mine:1": A}
