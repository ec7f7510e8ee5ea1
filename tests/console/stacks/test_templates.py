"""Stacks to begin with: every one is a project that can be planned, whatever its form is given."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from console.operations.errors import Invalid
from console.operations.permissions import Role
from console.stacks.catalogue.templates import TEMPLATES, Template, find_template
from console.stacks.models import Stack
from console.stacks.planning.steps import plan
from console.stacks.sources import Source
from tests.factories.console import make_host, make_user, sign_in_browser
from tests.fakes.compose_host import Host

each = pytest.mark.parametrize("template", TEMPLATES, ids=[one.slug for one in TEMPLATES])


def loaded(template: Template, **values: str) -> Any:
    return Source("/srv/x", "main_x", template.files(values)).load()


@each
def test_each_can_be_planned_as_it_is_offered(template):
    found = loaded(template)
    assert found.warnings == ()
    made = Host().world(found.project)
    assert plan(found.project, made).counts["create"] >= 1


@each
def test_each_asks_for_every_variable_that_its_file_has_and_for_no_other(template):
    text = template.files({})["compose.yaml"].replace("$$", "")
    asked = {one.name for one in template.variables}
    named = {part.partition("}")[0] for part in text.split("${")[1:]}
    assert named - {"NGINX_LOCAL_RESOLVERS"} == asked


@pytest.mark.parametrize("value", ["a'b", "a\nB=1", "x" * 501, ""])
def test_what_is_given_cannot_become_something_else(value):
    with pytest.raises(Invalid) as caught:
        find_template("scheduled-job").files({"COMMAND": value})
    assert caught.value.field == "COMMAND"


def test_a_command_is_one_word_whatever_is_in_it():
    nasty = '"; $(reboot) ${X} `id` \\ # : {'
    project = loaded(find_template("scheduled-job"), COMMAND=nasty).project
    assert project.services["job"].environment["COMMAND"] == nasty


@pytest.mark.django_db
def test_a_form_makes_a_stack_of_it_whose_plan_comes_next():
    make_host("local")
    browser = sign_in_browser(Client(), make_user(Role.DEVELOPER))
    assert b"Web and database" in browser.get(reverse("stacks:templates")).content
    address = reverse("stacks:template", args=["cache"])
    given = {"host": "local", "workspace": "main", "stack": "quick", "IMAGE": "redis:7", "MEMORY_MB": "64", "PORT": "0"}
    wrong = browser.post(address, given)
    assert wrong.status_code == 400
    assert "is not what goes here" in wrong.content.decode()
    done = browser.post(address, {**given, "PORT": "6400"})
    stack = Stack.objects.get()
    assert done["Location"] == reverse("stacks:plan", args=[stack.pk])
    assert stack.files[".env"] == "IMAGE='redis:7'\nMEMORY_MB='64'\nPORT='6400'\n"
    assert browser.get(reverse("stacks:template", args=["nothing"])).status_code == 404


@pytest.mark.django_db
def test_the_host_is_chosen_where_nobody_chooses_one():
    make_host("full", state="unreachable")
    free = make_host("free")
    browser = sign_in_browser(Client(), make_user(Role.DEVELOPER))
    address = reverse("stacks:template", args=["cache"])
    assert "Choose for me" in browser.get(address).content.decode()
    given = {"host": "", "workspace": "main", "stack": "quick", "IMAGE": "redis:7", "MEMORY_MB": "64", "PORT": "6400"}
    assert browser.post(address, given).status_code == 302
    assert Stack.objects.get().host == free


@pytest.mark.django_db
def test_where_no_host_fits_it_is_said_and_nothing_is_made():
    make_host("full", state="unreachable")
    make_host("away", state="unreachable")
    browser = sign_in_browser(Client(), make_user(Role.DEVELOPER))
    given = {"host": "", "workspace": "main", "stack": "quick", "IMAGE": "redis:7", "MEMORY_MB": "64", "PORT": "6400"}
    answer = browser.post(reverse("stacks:template", args=["cache"]), given)
    assert answer.status_code == 409
    assert "No host fits." in answer.content.decode()
    assert not Stack.objects.exists()
