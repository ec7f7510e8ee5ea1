"""The runtimes' complaints, as crun 1.8 and runc 1.1 word them, in Docker's words and exit codes."""

import pytest

from engine.oci.runtime import exec_failure, failure


@pytest.mark.parametrize(
    ("complaint", "argv", "code", "words"),
    [
        (
            "executable file `nope` not found in $PATH: No such file or directory",
            "nope",
            127,
            "executable file not found",
        ),
        (
            'runc create failed: unable to start container process: exec: "nope": executable file not found in $PATH',
            "nope",
            127,
            'exec: "nope": executable file not found in $PATH',
        ),
        ("open executable: No such file or directory", "/x", 127, "stat /x: no such file or directory"),
        ('exec: "/x": stat /x: no such file or directory', "/x", 127, "no such file or directory"),
        ("open executable: Permission denied", "/etc/data", 126, "Permission denied"),
        ("open executable: Operation not permitted", "/etc", 126, "/etc"),
        ('exec: "/etc/data": permission denied', "/etc/data", 126, "permission denied"),
        ("exec container process `/x`: Exec format error", "/x", 126, "Exec format error"),
        ("writing file `memory.limit_in_bytes`: Invalid argument", "sh", 125, "memory.limit_in_bytes"),
        ("mount `proc` to `proc`: Operation not permitted", "sh", 125, "mount"),
        ("", "sh", 125, "no reason given"),
    ],
)
def test_a_complaint_has_dockers_exit_code(complaint: str, argv: str, code: int, words: str) -> None:
    failed = failure(complaint, argv=[argv])
    assert failed.exit_code == code
    assert words in str(failed)


def test_the_dressing_of_logs_is_removed() -> None:
    line = 'time="2026-11-24T00:00:00Z" level=error msg="runc create failed: no \\"room\\" left"'
    assert 'failed: no "room" left: unknown' in str(failure(line))


@pytest.mark.parametrize(
    ("complaint", "program", "code", "words"),
    [
        ("executable file `x` not found in $PATH: No such file or directory", "x", 127, "executable file not found"),
        ("exec: No such file or directory", "/script", 127, 'exec: "/script": stat /script: no such file'),
        ("open executable: Operation not permitted", "/etc", 126, 'exec: "/etc": permission denied: unknown'),
        ("exec: Exec format error", "/text", 126, 'exec: "/text": Exec format error: unknown'),
        ("chdir `/nowhere`: No such file or directory", "sh", 126, "chdir"),
        ("", "sh", 126, "no reason given"),
    ],
)
def test_a_complaint_about_an_exec_has_dockers_exit_code(complaint: str, program: str, code: int, words: str) -> None:
    failed = exec_failure(complaint, argv=[program])
    assert failed.exit_code == code
    assert str(failed).startswith("OCI runtime exec failed: exec failed: unable to start container process: ")
    assert words in str(failed)
