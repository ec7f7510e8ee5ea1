import pytest

from engine.build.configuration import Setting, configure, exposed_ports, working_directory
from engine.build.created_by import quoted, run_by
from engine.build.parser import parse_dockerfile
from engine.model.durations import format_duration, parse_duration
from engine.model.errors import Invalid
from engine.model.image import Healthcheck, ImageConfig
from engine.model.ports import Port, Protocol

BASE = ImageConfig(env=("PATH=/bin", "A=1"), cmd=("base",), labels={"k": "v"})


def applied(*lines: str, config: ImageConfig = BASE) -> tuple[Setting, str]:
    """The setting after ``lines``, and what history says of the last."""
    setting, created_by = Setting(config, variables={"x": "X", "A": "1"}), ""
    for instruction in parse_dockerfile("\n".join(["FROM a", *lines])).stages[0].instructions:
        configured = configure(instruction, setting)
        setting, created_by = configured.setting, configured.created_by
    return setting, created_by


@pytest.mark.parametrize(
    ("line", "created_by"),
    [
        # as dockerd 20.10 writes them
        ('ENV B=b C="d e"', "/bin/sh -c #(nop)  ENV B=b C=d e"),
        ("ENV old style value", "/bin/sh -c #(nop)  ENV old=style value"),
        ('LABEL x=y "z"=w', "/bin/sh -c #(nop)  LABEL x=y z=w"),
        ('CMD ["sh"]', '/bin/sh -c #(nop)  CMD ["sh"]'),
        ("CMD echo $A", '/bin/sh -c #(nop)  CMD ["/bin/sh" "-c" "echo $A"]'),
        ('ENTRYPOINT ["sh"]', '/bin/sh -c #(nop)  ENTRYPOINT ["sh"]'),
        ('SHELL ["/bin/sh","-ec"]', "/bin/sh -ec #(nop)  SHELL [/bin/sh -ec]"),
        ("VOLUME /x /y", "/bin/sh -c #(nop)  VOLUME [/x /y]"),
        ("EXPOSE 80 443/tcp 53/udp", "/bin/sh -c #(nop)  EXPOSE 443/tcp 53/udp 80"),
        ("USER www-data:daemon", "/bin/sh -c #(nop)  USER www-data:daemon"),
        ("STOPSIGNAL SIGKILL", "/bin/sh -c #(nop)  STOPSIGNAL SIGKILL"),
        ("MAINTAINER me <a@b>", "/bin/sh -c #(nop)  MAINTAINER me <a@b>"),
        ("ONBUILD RUN echo onb", "/bin/sh -c #(nop)  ONBUILD RUN echo onb"),
        (
            "HEALTHCHECK --interval=5s --retries=2 CMD echo ok",
            '/bin/sh -c #(nop)  HEALTHCHECK &{["CMD-SHELL" "echo ok"] "5s" "0s" "0s" \'\\x02\'}',
        ),
    ],
)
def test_history_is_written_in_dockerds_words(line: str, created_by: str) -> None:
    assert applied(line)[1] == created_by


def test_env_replaces_in_place_and_uses_the_values_from_before_the_line() -> None:
    setting, _ = applied("ENV A=2 B=$A C=${none:-d}")
    assert setting.config.env == ("PATH=/bin", "A=2", "B=1", "C=d")


def test_an_entrypoint_drops_an_inherited_cmd_only() -> None:
    assert applied('ENTRYPOINT ["e"]')[0].config.cmd is None
    assert applied('CMD ["c"]', 'ENTRYPOINT ["e"]')[0].config.cmd == ("c",)


def test_an_empty_entrypoint_resets_it() -> None:
    config = ImageConfig(entrypoint=("e",))
    assert applied("ENTRYPOINT []", config=config)[0].config.entrypoint is None


def test_labels_ports_and_volumes_accumulate() -> None:
    config = applied("LABEL a=$x", "EXPOSE $A 8080:81-82/udp", "VOLUME /$x")[0].config
    assert config.labels == {"k": "v", "a": "X"}
    assert config.exposed_ports == {Port(1), Port(81, Protocol.UDP), Port(82, Protocol.UDP)}
    assert config.volumes == {"/X"}


def test_the_shell_form_uses_the_current_shell() -> None:
    assert applied('SHELL ["a","b"]', "CMD x y")[0].config.cmd == ("a", "b", "x y")


def test_healthcheck_none_disables() -> None:
    assert applied("HEALTHCHECK NONE")[0].config.healthcheck == Healthcheck(test=("NONE",))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("STOPSIGNAL FOO", "Invalid signal: FOO"),
        ("STOPSIGNAL 0", "Invalid signal: 0"),
        ("EXPOSE abc", "Invalid containerPort: abc"),
        ("EXPOSE 70000", "Invalid containerPort: 70000"),
        ("EXPOSE 80/foo", "Invalid proto: foo"),
        ("EXPOSE 9-8", "Invalid range specified for the Port: 9-8"),
        ("ENV $none=1", "ENV names can not be blank"),
    ],
)
def test_a_bad_value_is_refused_in_dockers_words(line: str, message: str) -> None:
    with pytest.raises(Invalid) as refused:
        applied(line)
    assert str(refused.value) == message


@pytest.mark.parametrize("signal", ["9", "sigterm", "TERM", "RTMIN+3"])
def test_signals_by_number_and_name(signal: str) -> None:
    assert applied(f"STOPSIGNAL {signal}")[0].config.stop_signal == signal


def test_a_huge_port_range_is_bounded() -> None:
    assert len(exposed_ports("1-65535")) == 65535


@pytest.mark.parametrize(
    ("current", "path", "result"),
    [
        ("", "/a", "/a"),
        ("", "a", "/a"),
        ("/a", "b", "/a/b"),
        ("/a", "/b/../c/", "/c"),
        ("/a", "../../..", "/"),
        ("", "//a", "/a"),
    ],
)
def test_workdir_is_absolute_and_clean(current: str, path: str, result: str) -> None:
    assert working_directory(path, ImageConfig(working_dir=current)) == result


def test_run_records_its_arguments() -> None:
    assert run_by(("/bin/sh", "-c", "echo"), {"b": "2", "a": "1"}) == "|2 a=1 b=2 /bin/sh -c echo"
    assert run_by(("echo", "x y"), {}) == "echo x y"


@pytest.mark.parametrize(
    ("text", "nanoseconds", "shown"),
    [
        ("5s", 5 * 10**9, "5s"),
        ("1m30s", 90 * 10**9, "1m30s"),
        ("1.5h", 5400 * 10**9, "1h30m0s"),
        ("100ms", 10**8, "100ms"),
        ("1.5us", 1500, "1.5µs"),
        ("0", 0, "0s"),
        ("2h", 7200 * 10**9, "2h0m0s"),
        ("0.5s", 5 * 10**8, "500ms"),
    ],
)
def test_durations_as_in_go(text: str, nanoseconds: int, shown: str) -> None:
    assert parse_duration(text) == nanoseconds
    assert format_duration(nanoseconds) == shown


@pytest.mark.parametrize("text", ["", "5", "s", "5x", "1s1", "1e3s", "9" * 18 + "h", "--1s", " 1s"])
def test_a_bad_duration_is_invalid(text: str) -> None:
    with pytest.raises(Invalid):
        parse_duration(text)


def test_quoting_as_in_go() -> None:
    assert quoted('a"\\\n\t\x01é\u200b') == '"a\\"\\\\\\n\\t\\x01é\\u200b"'
