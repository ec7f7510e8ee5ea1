"""Where an entry's target was, for those who may read the log of a workspace or a host only. Not sealed: it decides who
is shown an entry, and says nothing that happened."""

from django.db import migrations, models

from console.audit.triggers import drop_triggers, make_triggers


def guard(_apps, schema):
    # SQLite may have made the table anew
    drop_triggers(schema.connection)
    make_triggers(schema.connection)


def unguard(_apps, schema):
    drop_triggers(schema.connection)


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_chain")]
    operations = [
        migrations.AddField("auditentry", "host_pk", models.BigIntegerField(blank=True, null=True)),
        migrations.AddField("auditentry", "workspace_pk", models.BigIntegerField(blank=True, null=True)),
        migrations.AddIndex(
            "auditentry", models.Index(fields=["workspace_pk", "-seq"], name="audit_audit_workspa_50d048_idx")
        ),
        migrations.RunPython(guard, unguard),
    ]
