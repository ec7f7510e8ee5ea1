"""Forms: what was typed stays, the error stands beside its field, and nothing is changed."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import Client

from console.jobs.models import Job
from console.operations.permissions import Role
from tests.console.pages.conftest import SignedIn
from tests.factories.console import make_container, make_image, make_job

RUN = {"host": "local", "image": "hello-naru:latest", "name": "web-2", "command": "sleep 5"}
BUILD = {"host": "local", "tag": "shop/web:1", "source": "dockerfile", "dockerfile": "FROM scratch\n"}


@pytest.fixture
def admin(signed_in: SignedIn) -> Client:
    make_image("hello-naru:latest")
    make_container(
        "taken", ports=[{"host_address": "127.0.0.1", "host_port": 8080, "container_port": 80, "protocol": "tcp"}]
    )
    return signed_in(Role.ADMIN)


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("image", "Hello:1", "lower"),
        ("image", "0" * 64, "There is no image"),
        ("name", "taken", "is in use"),
        ("name", "-x", "no container name"),
        ("command", 'sh -c "open', "open quote"),
        ("env", "A=1\nBROKEN", "Line 2"),
        ("ports", "8080:80", "taken already"),
        ("ports", "80:99999", "is no port"),
        ("memory_bytes", "lots", "Write a size"),
        ("memory_bytes", "1k", "6 MiB"),
        ("cpus", "0", "CPUs"),
        ("image", "", "required"),
    ],
)
def test_a_wrong_run_is_told_at_its_field(admin: Client, field: str, value: str, complaint: str) -> None:
    answer = admin.post("/containers/run/", {**RUN, field: value})
    assert answer.status_code == 400
    form = answer.context["form"]
    assert complaint in " ".join(form.errors[field])
    assert form["command"].value() == ({**RUN, field: value})["command"]
    assert not Job.objects.exists()


def test_a_right_run_becomes_a_job_with_all_that_was_typed(admin: Client) -> None:
    typed = {**RUN, "env": "A=1\n\nB=x=y", "ports": "8081:80\n53:53/udp", "memory_bytes": "512m", "cpus": "1.5"}
    answer = admin.post("/containers/run/", typed)
    job = Job.objects.get()
    assert answer["Location"] == f"/jobs/{job.number}/"
    assert job.args["env"] == {"A": "1", "B": "x=y"}
    assert job.args["command"] == ["sleep", "5"]
    assert (job.args["memory_bytes"], job.args["cpus"], len(job.args["ports"])) == (512 * 1024**2, 1.5, 2)


@pytest.mark.parametrize(
    ("given", "field", "complaint"),
    [
        ({"tag": "Shop:1"}, "tag", "lower"),
        ({"tag": ""}, "tag", "required"),
        ({"dockerfile": "  "}, "dockerfile", "empty"),
        ({"source": "context"}, "context", "Choose a file"),
        ({"source": "context", "context": SimpleUploadedFile("a.tar", b"")}, "context", "empty"),
        ({"source": "context", "context": SimpleUploadedFile("a.tar", b"x" * 700)}, "context", "whole"),
    ],
)
def test_a_wrong_build_is_told_at_its_field(
    admin: Client, given: dict[str, object], field: str, complaint: str
) -> None:
    answer = admin.post("/builds/new/", {**BUILD, **given})
    assert answer.status_code == 400
    assert complaint in " ".join(answer.context["form"].errors[field])
    assert not Job.objects.exists()


def test_a_pasted_dockerfile_becomes_a_build(admin: Client) -> None:
    answer = admin.post("/builds/new/", BUILD)
    job = Job.objects.get()
    assert answer["Location"] == f"/builds/{job.number}/"
    assert (job.kind, job.args["tag"]) == ("image.build", "shop/web:1")


def test_building_again_brings_the_dockerfile_back(admin: Client) -> None:
    earlier = make_job(args={"tag": "shop/web:1", "dockerfile": "FROM scratch\nUSER nobody\n"})
    assert "USER nobody" in admin.get(f"/builds/new/?from={earlier.number}").content.decode()


def test_a_viewer_does_not_reach_the_forms(signed_in: SignedIn) -> None:
    make_image("hello-naru:latest")
    viewer = signed_in(Role.VIEWER)
    for path, typed in (("/containers/run/", RUN), ("/builds/new/", BUILD), ("/builds/new/", {})):
        assert viewer.get(path).status_code == 403
        assert viewer.post(path, typed).status_code == 403
    assert not Job.objects.exists()
