from django.db import migrations

EARLIER = {
    "audit.broken",
    "container.crashed",
    "container.oom",
    "container.unhealthy",
    "grant.ending",
    "host.back",
    "host.lost",
    "job.failed",
}
NEW = "stacks.held"


def add_to_rules_about_everything(apps, schema_editor):
    rules = apps.get_model("notifications", "Rule").objects.using(schema_editor.connection.alias)
    for rule in rules.all():
        if EARLIER <= set(rule.events):
            rule.events = sorted({*rule.events, NEW})
            rule.save(update_fields=["events"])


class Migration(migrations.Migration):

    dependencies = [("notifications", "0002_first_rule")]

    operations = [migrations.RunPython(add_to_rules_about_everything, migrations.RunPython.noop)]
