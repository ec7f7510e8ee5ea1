from django.db import migrations

EVENTS = [
    "audit.broken",
    "container.crashed",
    "container.oom",
    "container.unhealthy",
    "grant.ending",
    "host.back",
    "host.lost",
    "job.failed",
]


def add_first(apps, schema_editor):
    """People see in the console what happens to what they may see, until somebody decides otherwise."""
    rule = apps.get_model("notifications", "Rule")
    facts = {"name": "Everything, in the console", "events": EVENTS, "tells_people": True}
    rule.objects.using(schema_editor.connection.alias).create(**facts)


class Migration(migrations.Migration):

    dependencies = [("notifications", "0001_initial")]

    operations = [migrations.RunPython(add_first, migrations.RunPython.noop)]
