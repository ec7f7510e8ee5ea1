import pytest

from engine.model.errors import EngineError, Invalid, Unsupported
from engine.model.resources import Ulimit
from engine.wire.build import decode_build
from engine.wire.query import Query


def test_limits_are_those_of_containers() -> None:
    given = {"memory": "10000000", "cpushares": "5", "ulimits": '[{"Name":"nofile","Soft":10,"Hard":20}]'}
    resources = decode_build(Query(given), tags=[]).resources
    assert (resources.memory_bytes, resources.memory_swap_bytes, resources.cpu_shares) == (10_000_000, 20_000_000, 5)
    assert resources.ulimits == (Ulimit("nofile", 10, 20),)


def test_hosts_come_one_by_one_as_a_list_or_with_commas() -> None:
    for values in (['["a:10.0.0.1","b=::1"]'], ["a:10.0.0.1,b:::1"], ["a:10.0.0.1", "b=::1"]):
        query = Query({"extrahosts": values[0]})
        assert decode_build(query, tags=[], extra_hosts=values).extra_hosts == ("a:10.0.0.1", "b:::1")


@pytest.mark.parametrize(
    ("query", "kind", "message"),
    [
        ({"memory": "1"}, Invalid, "Minimum memory limit allowed is 6MB"),
        ({"memory": "10000000", "memswap": "1"}, Invalid, "memoryswap"),
        ({"cpuperiod": "1"}, Invalid, "period"),
        ({"cpushares": "999999999"}, Invalid, "CpuShares"),
        ({"memory": "x"}, Invalid, "memory: "),
        ({"ulimits": "{}"}, Invalid, "ulimits: "),
        ({"ulimits": '[{"Name":1}]'}, Invalid, "ulimits: "),
        ({"extrahosts": "nocolon"}, Invalid, "extrahosts: bad format"),
        ({"extrahosts": "a:notanaddress"}, Invalid, "extrahosts: bad format"),
        ({"outputs": '[{"Type":"local"}]'}, Unsupported, "outputs is not supported"),
        ({"cgroupparent": "x"}, Unsupported, "cgroupparent is not supported"),
        ({"securityopt": '["x"]'}, Unsupported, "securityopt is not supported"),
        ({"isolation": "hyperv"}, Unsupported, "isolation is not supported"),
        ({"version": "2"}, Unsupported, "set DOCKER_BUILDKIT=0"),
        ({"session": "abc"}, Unsupported, "set DOCKER_BUILDKIT=0"),
        ({"version": "3"}, Invalid, "version: "),
        ({"platform": "a/b/c/d"}, Invalid, ""),
        ({"buildargs": "[]"}, Invalid, "buildargs: "),
        ({"labels": '{"a":1}'}, Invalid, "labels: "),
        ({"cachefrom": "{"}, Invalid, "cachefrom: "),
    ],
)
def test_bad_parameters_are_refused_by_name(query: dict[str, str], kind: type[EngineError], message: str) -> None:
    with pytest.raises(kind) as refused:
        decode_build(Query(query), tags=[], extra_hosts=[query[key] for key in query if key == "extrahosts"])
    assert message.lower() in str(refused.value).lower()
