"""Every operation of the API × who asks, written out. What is not in the table fails.

Who: the five roles of the workspace "shop" in a browser, and of another workspace; then an administrator of everything
by four tokens: for reading, for changing, for what asks for a proof too, and the last for another workspace alone;
strangers; the disabled. k: it works (or a conflict says why not now), f: refused (403), m: there is nothing (404), i:
what the request names does not exist for them, or is missing (400).
"""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from console.accounts.models import User
from console.containers import api as container_api
from console.containers import views as container_views
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from console.project.api import api
from tests.console.access.cells import EMPTY_FILE
from tests.console.access.world import ASKED_FOR, NOTHING, ROLES, World, browser, letter_of
from tests.factories.console import bearer, make_api_token, make_user, make_workspace, token_of
from tests.fakes.answers import content_of

pytestmark = pytest.mark.django_db
BASE = "/api/v1/"


@dataclass(frozen=True)
class Call:
    """``own``: the roles, ``tokens``: the tokens. ``of``: which of the world's things its address names."""

    own: str
    tokens: str
    of: str = ""
    body: dict[str, Any] | None = None
    query: dict[str, str] = field(default_factory=dict)
    form: dict[str, Any] | None = None


RUN = {"host": "local", "image": "a:1", "workspace": "shop"}
NETWORK = {"host": "local", "name": "shop_front", "workspace": "shop"}
BUILD = {"host": "local", "tag": "b:1", "dockerfile": "FROM scratch\n", "workspace": "shop"}
GRANT = {"user": "kim", "role": "operator", "scope": "workspace", "workspace": "shop"}
JOB_RULES = {"most_running": 2, "most_waiting": 50, "keep_days": 30, "keep_count": 0}
TERMINAL_RULES = {"records": "both", "idle_minutes": 5, "most_per_person": 1, "most_open": 9, "keep_days": 1}
SCHEDULE = {
    "name": "Nightly",
    "work": {"kind": "image.build", "tag": "b:1", "dockerfile": "FROM scratch\n"},
    "cron": "30 2 * * *",
    "time_zone": "Asia/Seoul",
}
STACK: dict[str, Any] = {
    "host": "local",
    "name": "mine",
    "workspace": "shop",
    "files": {"compose.yaml": "services: {a: {image: x}}"},
}
ORIGIN = {"url": "https://git.example/shop.git"}
OWN_TEMPLATE = {"title": "Mine", "compose": "services: {a: {image: x}}"}
STACK_FROM_GIT = {"host": "local", "name": "mine", "workspace": "shop"}
RULE = {"name": "loud", "events": ["job.failed"], "tells_people": True}
CHANNEL = {"name": "mailing", "addresses": ["day@example.org"]}
REGISTRY = {"address": "docker.io"}
REPOSITORY = {"repository": "shop/web", "reference": "1.0"}
SILENCE = {"until": "2100-01-01T00:00:00Z", "reason": "a test", "workspace": "shop"}
CALLS = {
    "list_containers": Call("kkkfk", "kkkk"),
    "run_container": Call("ffkmk", "fkkm", body=RUN),
    "get_container": Call("kkkfk", "kkkm", of="container"),
    "remove_container": Call("ffkmk", "fkkm", of="container"),
    "start_container": Call("fkkmk", "fkkm", of="container"),
    "restart_container": Call("fkkmk", "fkkm", of="container"),
    "pause_container": Call("fkkmk", "fkkm", of="container"),
    "unpause_container": Call("fkkmk", "fkkm", of="container"),
    "kill_container": Call("fkkmk", "fkkm", of="container", body={"signal": "HUP"}),
    "rename_container": Call("ffkmk", "fkkm", of="container", body={"to": "web-9"}),
    "update_limits": Call("ffkmk", "fkkm", of="container", body={"memory_bytes": 64 << 20}),
    "replace_container": Call("ffkmk", "fkkm", of="container", body={}),
    "clone_container": Call("ffkmk", "fkkm", of="container", body={"count": 1}),
    "get_container_spec": Call("ffkfk", "fkkm", of="container"),
    "list_revisions": Call("kkkfk", "kkkm", of="container"),
    "restore_revision": Call("ffkmk", "fkkm", of="revision"),
    "act_on_many": Call("fkkfk", "fkkk", body={"action": "stop", "picked": ["local/web-1"]}),
    "read_command_line": Call("ffkfk", "fkkk", body={"line": "docker run a:1"}),
    "stop_container": Call("fkkmk", "fkkm", of="container"),
    "move_container": Call("fffmf", "fkkm", of="container", body={"workspace": "shop"}),
    "get_container_log": Call("kkkfk", "kkkm", of="container"),
    "download_container_log": Call("kkkfk", "kkkm", of="container"),
    "get_container_health": Call("kkkfk", "kkkm", of="container"),
    "get_container_config": Call("kkkfk", "kkkm", of="container"),
    "get_container_network": Call("kkkfk", "kkkm", of="container"),
    "get_container_storage": Call("kkkfk", "kkkm", of="container"),
    "inspect_container": Call("kkkfk", "kkkm", of="container"),
    "list_changes": Call("kkkfk", "kkkk"),
    "list_container_changes": Call("kkkfk", "kkkm", of="container"),
    "list_crashes": Call("kkkfk", "kkkm", of="container"),
    "get_crash": Call("kkkfk", "kkkm", of="crash"),
    "get_log_markers": Call("kkkfk", "kkkm", of="container"),
    "get_container_stats": Call("kkkfk", "kkkm", of="container"),
    "list_kept_logs": Call("kkkfk", "kkkk"),
    "search_logs": Call("kkkfk", "kkkm", query={"containers": "local/web-1", "query": "x"}),
    "list_container_files": Call("ffkfk", "kkkm", of="container", query={"path": "/etc"}),
    "upload_container_files": Call("ffkmk", "fkkm", of="container", form={"path": "/", "files": EMPTY_FILE}),
    "remove_container_file": Call("ffkmk", "fkkm", of="container", query={"path": "/f"}),
    "download_container_file": Call("ffkfk", "kkkm", of="container", query={"path": "/f"}),
    "move_container_file": Call("ffkmk", "fkkm", of="container", body={"path": "/f", "to": "/g"}),
    "make_container_directory": Call("ffkmk", "fkkm", of="container", body={"path": "/", "directory": "d"}),
    "list_changed_files": Call("ffkfk", "kkkm", of="container"),
    "compare_container_file": Call("ffkfk", "kkkm", of="container", query={"path": "/f"}),
    "freeze_container": Call("ffkmk", "fkkm", of="container", body={"tag": "c:1"}),
    # for a proof
    "reset_container": Call("ffkmk", "ffkm", of="container"),
    "get_drift_noise": Call("kkkfk", "kkkm", of="workspace"),
    "set_drift_noise": Call("ffkmk", "fkkm", of="workspace", body={"patterns": ["/tmp"]}),
    "list_images": Call("kkkfk", "kkkk"),
    "get_image": Call("kkkfk", "kkkm", of="image"),
    "remove_image": Call("ffkmk", "fkkm", of="image"),
    "share_image": Call("fffmf", "fkkm", of="image", body={"workspace": "shop"}),
    "get_image_detail": Call("kkkfk", "kkkm", of="image"),
    "pull_image": Call("ffkmk", "fkkm", body={"host": "local", "reference": "b:1", "workspace": "shop"}),
    "load_images": Call("iiiii", "fiii"),
    "import_image": Call("iiiii", "fiii"),
    "push_image": Call("ffkmk", "fkkm", of="image", body={"reference": "registry.example/z:1"}),
    # to where it is
    "copy_image": Call("ffimi", "fiim", of="image", body={"to_host": "local", "registry": "r.example"}),
    "tag_image": Call("ffkmk", "fkkm", of="image", body={"reference": "z:1"}),
    "untag_image": Call("ffkmk", "fkkm", of="image", body={"reference": "a:1"}),
    "download_image": Call("ffkfk", "kkkm", of="image"),
    "get_build_steps": Call("kkkkk", "kkkm", of="failed"),
    "list_registries": Call("kkkfk", "kkkk"),
    "create_registry": Call("fffmk", "fkkm", body={**REGISTRY, "name": "mine", "workspace": "shop"}),
    "get_registry": Call("kkkfk", "kkkm", of="registry"),
    "change_registry": Call("fffmk", "fkkm", of="registry", body=REGISTRY),
    "remove_registry": Call("fffmk", "fkmm", of="registry"),
    "check_registry": Call("ffkmk", "fkkm", of="registry"),
    # with the workspace's password, which a token for reading has no use of
    "list_repositories": Call("ffkfk", "fkkm", of="registry"),
    "list_registry_tags": Call("ffkfk", "fkkm", of="registry", query={"repository": "shop/web"}),
    "get_registry_image": Call("ffkfk", "fkkm", of="registry", query=REPOSITORY),
    # a host is of all its workspaces, and what goes is gone
    "get_prune_plan": Call("ffffm", "fkkm", of="host"),
    "prune_host": Call("ffffm", "ffkm", of="host", body={"items": ["unused:x"]}),
    "list_quarantined": Call("ffffk", "fkkk"),
    "restore_image": Call("ffffm", "ffkm", of="held"),
    "remove_quarantined": Call("ffffm", "ffkm", of="held"),
    "list_networks": Call("kkkfk", "kkkk"),
    "create_network": Call("ffkmk", "fkkm", body=NETWORK),
    "list_unused_networks": Call("kkkfk", "kkkm", query={"host": "local", "workspace": "shop"}),
    "prune_networks": Call("ffkmk", "fkkm", body={"host": "local", "workspace": "shop", "names": ["shop_net"]}),
    "get_network": Call("kkkfk", "kkkm", of="network"),
    "remove_network": Call("ffkmk", "fkkm", of="network"),
    "list_network_members": Call("kkkfk", "kkkm", of="network"),
    "connect_container": Call("ffkmk", "fkkm", of="network", body={"container": "web-1"}),
    "disconnect_container": Call("ffkmk", "fkkm", of="network", body={"container": "web-1"}),
    "move_network": Call("fffmf", "fkkm", of="network", body={"workspace": "shop"}),
    "list_volumes": Call("kkkfk", "kkkk"),
    "create_volume": Call("ffkmk", "fkkm", body={"host": "local", "name": "shop_v", "workspace": "shop"}),
    "measure_volumes": Call("ffkmk", "fkkm", body={"host": "local", "workspace": "shop"}),
    "list_unused_volumes": Call("kkkfk", "kkkm", query={"host": "local", "workspace": "shop"}),
    # what ends data asks for a proof
    "prune_volumes": Call("ffkmk", "ffkm", body={"host": "local", "workspace": "shop", "names": ["shop_files"]}),
    "get_volume": Call("kkkfk", "kkkm", of="volume"),
    "remove_volume": Call("ffkmk", "ffkm", of="volume", query={"typed": "shop_files"}),
    "list_volume_users": Call("kkkfk", "kkkm", of="volume"),
    # to see a volume is not to see what is in it
    "get_volume_files": Call("ffkfk", "fkkm", of="volume"),
    "list_volume_files": Call("ffkmk", "fkkm", of="volume"),
    "back_up_volume": Call("ffkmk", "fkkm", of="volume", body={}),
    "clone_volume": Call("ffkmk", "fkkm", of="volume", body={"to": "shop_copy"}),
    "move_volume": Call("fffmf", "fkkm", of="volume", body={"workspace": "shop"}),
    "list_backups": Call("kkkfk", "kkkk"),
    "get_backup": Call("kkkfk", "kkkm", of="backup"),
    "remove_backup": Call("ffkmm", "ffkm", of="backup"),
    "download_backup": Call("ffkfk", "fkkm", of="backup"),
    "restore_backup": Call("ffkmk", "fkkm", of="backup", body={"host": "local", "name": "shop_again"}),
    "restore_backup_over": Call(
        "ffkmk", "ffkm", of="backup", body={"host": "local", "name": "shop_files", "typed": "shop_files"}
    ),
    "list_shares": Call("kkkkk", "kkkk"),
    # a token for reading manages no grants
    "get_share": Call("mmmmk", "mkkm", of="share"),
    # a link for others is made and ended by people alone
    "revoke_share": Call("mmmmk", "fffm", of="share"),
    "share_container_log": Call("kkkfk", "fffm", of="container", body={"hours": 1}),
    "share_job_output": Call("kkkkk", "fffm", of="failed", body={"hours": 1}),
    "search": Call("kkkkk", "kkkk", query={"q": "stop web"}),
    "get_my_settings": Call("kkkkk", "kkkk"),
    "change_my_settings": Call("kkkkk", "ffff", body={"theme": "dark"}),
    "list_builds": Call("kkkkk", "kkkk"),
    "build_image": Call("ffkmk", "fkkm", body=BUILD),
    "build_uploaded_image": Call("iiiii", "fiii"),
    "build_starter_image": Call("ffkmk", "fkkm", body={"host": "local", "workspace": "shop"}),
    "get_build": Call("kkkkk", "kkkm", of="failed"),
    "list_jobs": Call("kkkkk", "kkkk"),
    "get_job": Call("kkkkk", "kkkm", of="failed"),
    "get_job_output": Call("kkkkk", "kkkm", of="failed"),
    "download_job_output": Call("kkkkk", "kkkm", of="failed"),
    "cancel_one_job": Call("ffffk", "fkkm", of="queued"),
    "retry_one_job": Call("ffkfk", "fkkm", of="failed"),
    "get_job_inputs": Call("kkkkk", "kkkm", of="failed"),
    "get_job_output_proof": Call("kkkkk", "kkkm", of="failed"),
    # an auditor sees jobs and does nothing to them
    "pin_one_job": Call("fkkfk", "fkkm", of="failed"),
    "unpin_one_job": Call("fkkfk", "fkkm", of="failed"),
    "get_job_rules": Call("ffkfk", "kkkm", of="workspace"),
    # everywhere only, and for a proof
    "set_job_rules": Call("fffmf", "ffkm", of="workspace", body=JOB_RULES),
    "list_terminals": Call("ffkkk", "kkkk"),
    "get_terminal": Call("ffkkk", "kkkm", of="terminal"),
    "end_one_terminal": Call("mmffk", "fkkm", of="terminal"),
    "get_terminal_recording": Call("mmfkk", "kkkm", of="terminal"),
    "get_terminal_rules": Call("ffkfk", "kkkm", of="workspace"),
    "set_terminal_rules": Call("fffmf", "ffkm", of="workspace", body=TERMINAL_RULES),
    "list_schedules": Call("kkkfk", "kkkk"),
    # an operator may keep schedules, but not build
    "create_schedule": Call("ffkmk", "fkkm", body={**SCHEDULE, "host": "local", "workspace": "shop"}),
    "read_times": Call("kkkfk", "kkkk", query={"cron": "30 2 * * *", "time_zone": "Asia/Seoul"}),
    "get_schedule": Call("kkkfk", "kkkm", of="schedule"),
    "change_schedule": Call("ffkmk", "fkkm", of="schedule", body=SCHEDULE),
    # what has ended is missing to whoever comes after the first who may end it
    "delete_schedule": Call("fkmmm", "fkmm", of="schedule"),
    "pause_schedule": Call("fkkmk", "fkkm", of="schedule"),
    "resume_schedule": Call("fkkmk", "fkkm", of="schedule"),
    "run_schedule_now": Call("ffkmk", "fkkm", of="schedule"),
    "get_schedule_times": Call("kkkfk", "kkkm", of="schedule"),
    "list_firings": Call("kkkfk", "kkkm", of="schedule"),
    "list_stacks": Call("kkkfk", "kkkk"),
    "create_stack": Call("ffkmk", "fkkm", body=STACK),
    "get_stack": Call("kkkfk", "kkkm", of="stack"),
    "change_stack": Call("ffkmk", "fkkm", of="stack", body={"files": STACK["files"]}),
    "remove_stack": Call("ffkmk", "fkkm", of="stack"),
    # to look at the host for it takes what deploying takes
    "get_stack_plan": Call("ffkfk", "fkkm", of="stack"),
    "deploy_stack": Call("ffkmk", "fkkm", of="stack", body={"plan": "0" * 64}),
    "scale_stack": Call("fkkmk", "fkkm", of="stack", body={"replicas": {"web": 2}}),
    "list_stack_templates": Call("ffkfk", "fkkk"),
    "list_adoptable_projects": Call("ffkfk", "fkkk"),
    "get_stack_service": Call("kkkfk", "kkkm", of="service"),
    "get_stack_restoring": Call("kkkfk", "kkkm", of="stack"),
    "change_stack_restoring": Call("ffkmk", "fkkm", of="stack", body={"restores": ["dead"]}),
    "restore_stack": Call("ffkmk", "fkkm", of="stack", body={}),
    "list_restorations": Call("kkkfk", "kkkm", of="stack"),
    "list_releases": Call("kkkfk", "kkkm", of="stack"),
    "create_stack_from_git": Call("ffkmk", "fkkm", body={**STACK_FROM_GIT, **ORIGIN}),
    "rank_hosts": Call("ffkfk", "fkkm", body={"files": STACK["files"], "workspace": "shop"}),
    "list_own_templates": Call("ffkfk", "fkkk"),
    "create_own_template": Call("ffkmk", "fkkm", body={**OWN_TEMPLATE, "workspace": "shop"}),
    "get_own_template": Call("ffkfk", "fkkm", of="blueprint"),
    "change_own_template": Call("mmkmk", "fkkm", of="blueprint", body=OWN_TEMPLATE),
    "delete_own_template": Call("mmkmm", "fkmm", of="blueprint"),
    "get_stack_repository": Call("kkkfk", "kkkm", of="followed"),
    "follow_repository": Call("ffkmk", "fkkm", of="followed", body=ORIGIN),
    "detach_repository": Call("ffkmm", "fkmm", of="followed"),
    "fetch_repository": Call("ffkmk", "fkkm", of="followed"),
    "make_hook": Call("ffkmk", "fkkm", of="followed"),
    "remove_hook": Call("ffkmk", "fkkm", of="followed"),
    "get_environment_lock": Call("ffkfk", "fkkm", of="taken"),
    "take_fingerprint": Call("ffkmk", "fkkm", of="taken"),
    "verify_environment": Call("ffkmk", "fkkm", of="taken"),
    "make_capsule": Call("ffkmk", "fkkm", of="taken"),
    "list_capsules": Call("kkkfk", "kkkk"),
    "upload_capsule": Call("iiiii", "fiii"),
    "get_capsule": Call("kkkfk", "kkkm", of="capsule"),
    "remove_capsule": Call("ffkmm", "fkmm", of="capsule"),
    "download_capsule": Call("ffkfk", "fkkm", of="capsule"),
    "plan_capsule": Call("ffkfk", "fkkm", of="capsule", query={"host": "local", "name": "again"}),
    "restore_capsule": Call("ffkmk", "fkkm", of="capsule", body={"host": "local", "name": "again"}),
    "list_secrets": Call("ffkfk", "kkkk"),
    "create_secret": Call("ffkmk", "fkkm", body={"workspace": "shop", "name": "mine", "secret_value": "long enough"}),
    # who may not know of secrets is not told that there is one
    "get_secret": Call("ffkfk", "kkkm", of="secret"),
    "list_secret_versions": Call("ffkfk", "kkkm", of="secret"),
    "set_secret": Call("mmkmk", "fkkm", of="secret", body={"secret_value": "long enough"}),
    # a developer sets what they cannot read
    "reveal_secret": Call("mmfmk", "ffkm", of="secret"),
    "remove_secret": Call("mmkmm", "fkmm", of="idle_secret"),
    "list_rules": Call("fkkfk", "kkkk"),
    "create_rule": Call("fffmk", "fkkm", body={**RULE, "workspace": "shop"}),
    "get_rule": Call("fkkfk", "kkkm", of="rule"),
    "change_rule": Call("mffmk", "fkkm", of="rule", body=RULE),
    "delete_rule": Call("mffmk", "fkmm", of="rule"),
    "list_channels": Call("fkkfk", "kkkk"),
    "create_channel": Call("fffmk", "fkkm", body={**CHANNEL, "kind": "email", "workspace": "shop"}),
    "get_channel": Call("fkkfk", "kkkm", of="channel"),
    "change_channel": Call("mffmk", "fkkm", of="channel", body=CHANNEL),
    "delete_channel": Call("mffmk", "fkmm", of="channel"),
    "test_channel": Call("mffmk", "fkkm", of="channel"),
    "list_deliveries": Call("fkkfk", "kkkk"),
    "get_delivery": Call("fkkfk", "kkkm", of="delivery"),
    "retry_delivery": Call("mffmk", "fkkm", of="delivery"),
    "list_silences": Call("fkkfk", "kkkk"),
    "add_silence": Call("fkkmk", "fkkm", body=SILENCE),
    "get_silence": Call("fkkfk", "kkkm", of="silence"),
    "end_silence": Call("mkmmm", "fkmm", of="silence"),
    # one's own
    "list_notes": Call("kkkkk", "kkkk"),
    "mark_notes_read": Call("kkkkk", "fkkk", body={"up_to": 1}),
    "list_hosts": Call("kkkfk", "kkkk"),
    "get_host": Call("kkkfk", "kkkk", of="host"),
    # for a proof, each of them
    "add_host": Call("fffff", "ffkf", body={"name": "b9"}),
    "rename_host": Call("fffmf", "ffkf", of="host", body={"name": "b9"}),
    "remove_host": Call("fffmf", "ffkf", of="host"),
    "renew_host_key": Call("fffmf", "ffkf", of="host"),
    "revoke_host_key": Call("fffmf", "ffkf", of="host"),
    "get_host_stats": Call("kkkfk", "kkkk", of="host"),
    "list_workspaces": Call("kkkfk", "kkkk"),
    "create_workspace": Call("fffff", "fkkf", body={"slug": "mine"}),
    "get_workspace": Call("kkkfk", "kkkm", of="workspace"),
    "retitle_workspace": Call("fffmf", "fkkm", of="workspace", body={"title": "Mine"}),
    "delete_workspace": Call("fffmf", "fkkm", of="workspace"),
    "get_policy": Call("ffkfk", "kkkm", of="workspace"),
    "change_policy": Call("fffmf", "ffkm", of="workspace", body={"privileged": True}),
    "list_teams": Call("ffffk", "kkkk"),
    "create_team": Call("fffff", "ffkf", body={"slug": "mine"}),
    "get_team": Call("ffffk", "kkkk", of="team"),
    "delete_team": Call("mmmmf", "ffkm", of="team"),
    "add_member": Call("mmmmf", "ffkf", of="team", body={"username": "kim"}),
    "remove_member": Call("mmmmf", "ffkm", of="member"),
    "list_roles": Call("ffffk", "kkkk"),
    "create_role": Call("fffff", "ffkf", body={"slug": "mine", "permissions": ["container.view"]}),
    "get_role": Call("ffffk", "kkkk", of="role"),
    "change_role": Call("mmmmf", "ffkf", of="role", body={"permissions": ["container.view"]}),
    "delete_role": Call("mmmmf", "ffkm", of="role"),
    "list_grants": Call("ffffk", "kkkk"),
    "give_grant": Call("fffik", "ffki", body=GRANT),
    "get_grant": Call("ffffk", "kkkm", of="grant"),
    "revoke_grant": Call("mmmmk", "ffkm", of="grant"),
    "why": Call("ffffk", "kkki", query={"who": "kim", "permission": "container.view", "thing": "shop/web-1"}),
    "get_me": Call("kkkkk", "kkkk"),
    "list_people": Call("fffff", "kkkf"),
    "get_person": Call("mmmmm", "kkkm", of="person"),
    "change_person_role": Call("mmmmm", "fffm", of="person", body={"role": "admin"}),
    "set_person_active": Call("mmmmm", "fffm", of="person", body={"active": False}),
    "make_reset_link": Call("mmmmm", "fffm", of="person", body={}),
    "list_invitations": Call("fffff", "kkkf"),
    "invite": Call("fffff", "ffff", body={"role": "viewer"}),
    "list_tokens": Call("kkkkk", "kkkk"),
    "make_token": Call("kkkkk", "ffff", body={"name": "ci", "scope": "read"}),
    "revoke_token": Call("mmmmm", "fmmm", of="token"),
    "list_tokens_of": Call("mmmmm", "fffm", of="person"),
    "revoke_token_of": Call("mmmmm", "fffm", of="person's token"),
    "list_audit": Call("fffkk", "kkkk"),
    "get_audit_entry": Call("fffkk", "kkkm", of="entry"),
    "export_audit": Call("fffkk", "kkkk"),
    "get_audit_integrity": Call("fffmm", "kkkm"),
    "check_audit": Call("fffff", "fkkf"),
}
OPERATIONS = {
    operation["operationId"]: (method, path)
    for path, operations in api.document()["paths"].items()
    for method, operation in operations.items()
}
# of the workspace, by their names
THINGS = (
    *("web-1", "queued-thing", "failed-thing", "audited-thing", "a:1", "nightly-thing", "stacked-thing", "taken-thing"),
    *("followed-thing", "written-thing"),
    *("db-password", "pager", "told-thing", "silent-thing", "renamed-thing", "last-words", "quay", "held-thing"),
    *("shop_net", "shop_files", "idle-thing"),
)
# things of no workspace: one who may see them at all sees all of them
SHARED = {"host", "team", "member", "role", "person"}
RENAMED = {"engine_id": "image_id", "user_pk": "person_id", "token_pk": "token_id", "blueprint_id": "template_id"}


@pytest.fixture(autouse=True)
def logs(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    """The API reads logs as the world's pages do."""
    for name in ("log_piece", "whole_log"):
        monkeypatch.setattr(container_api, name, getattr(container_views, name))


def address(world: World, name: str, *, missing: bool = False) -> str:
    path: str = OPERATIONS[name][1]
    for key, value in world.things.get(CALLS[name].of, {}).items():
        path = path.replace(f"{{{RENAMED.get(key, key)}}}", f"{NOTHING[key] if missing else value}")
    assert "{" not in path
    return path


def ask(client: Client, name: str, path: str, **headers: str) -> Any:
    method, call = OPERATIONS[name][0], CALLS[name]
    if method == "delete" and call.query:
        return client.delete(path, headers=headers, query_params=call.query)
    if method == "get":
        return client.get(path, call.query, headers=headers)
    if call.form is not None:
        return client.post(path, call.form, headers=headers)
    if call.query:
        path = f"{path}?{urlencode(call.query)}"
    body = "" if call.body is None else call.body
    return getattr(client, method)(path, body, content_type="application/json", headers=headers)


def letter(answer: Any) -> str:
    if answer.status_code >= 400:
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code
    status = int(answer.status_code)
    return "i" if status == 400 else letter_of(status)


def body_of(answer: Any) -> str:
    """Without what differs from one answer to the next, and without the names that were asked for."""
    content = content_of(answer)
    text = re.sub(r"urn:naru:request:[0-9a-f]{12}", "", content.decode())
    return ASKED_FOR.sub("X", text)


def test_every_operation_is_in_the_table() -> None:
    assert CALLS.keys() == OPERATIONS.keys()


@pytest.mark.parametrize("name", CALLS)
def test_one_of_the_workspace(world: World, name: str) -> None:
    found = ""
    for role in ROLES:
        found += letter(ask(world.browser("shop", role), name, address(world, name)))
    assert found == CALLS[name].own


@pytest.mark.parametrize("name", CALLS)
def test_a_token_does_what_it_was_made_for(world: World, name: str) -> None:
    root, depot = make_user(Role.ADMIN), make_workspace("depot")
    tokens = [
        make_api_token(root, scope="read"),
        make_api_token(root),
        make_api_token(root, is_confirmed=True),
        make_api_token(root, is_confirmed=True, workspace=depot),
    ]
    found = "".join(letter(ask(Client(), name, address(world, name), **bearer(token))) for token in tokens)
    assert found == CALLS[name].tokens


def asked_by_nobody(world: World, name: str) -> list[Any]:
    """By a stranger, in a browser and by a token of somebody disabled, by an old token, and by a password."""
    user = make_user(Role.ADMIN)
    token, disabled = make_api_token(user, is_confirmed=True), browser(user)
    expired = make_api_token(user, expires_at=user.joined_at)
    with writes_allowed("test"):
        User.objects.filter(pk=user.pk).update(is_active=False)
    path = address(world, name)
    answers = [ask(Client(), name, path), ask(disabled, name, path), ask(disabled, name, path, **bearer(token))]
    answers += [ask(Client(), name, path, **bearer(expired)), ask(Client(), name, path, authorization="Basic a2ltOjE=")]
    assert token_of(token).last_used_at is None
    return answers


@pytest.mark.parametrize("name", CALLS)
def test_one_of_another_workspace_learns_nothing_and_a_stranger_less(world: World, name: str) -> None:
    for answer in asked_by_nobody(world, name):
        assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")
        assert answer["WWW-Authenticate"].startswith("Bearer")
    call = CALLS[name]
    for role in ROLES:
        client = world.browser("depot", role)
        answer = ask(client, name, address(world, name))
        body = body_of(answer)
        for secret in THINGS:
            shown = secret in f"{call.body} {call.query}"
            assert shown or secret not in body, f"{role} is shown {secret}"
        if not call.of or call.of in SHARED:
            continue
        other = ask(client, name, address(world, name, missing=True))
        assert answer.status_code in (403, 404)
        assert (answer.status_code, body) == (other.status_code, body_of(other)), role
