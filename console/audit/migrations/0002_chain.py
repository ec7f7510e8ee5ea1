"""Entries are numbered without gaps, sealed one to the next, and kept from change by the database itself."""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

import console.audit.fields
from console.audit.chain import GENESIS, Row, details_text, seal
from console.audit.keys import seal_key
from console.audit.triggers import drop_triggers, make_triggers


def seal_entries(apps: StateApps, _schema: BaseDatabaseSchemaEditor) -> None:
    """Those that were written before there were seals, in their order."""
    entries = apps.get_model("audit", "AuditEntry").objects
    before, seq = GENESIS, 0
    for seq, entry in enumerate(entries.order_by("seq").iterator(), start=1):
        names = [name for name in Row._fields if name not in ("seq", "details")]
        row = Row(seq=seq, details=details_text(entry.details), **{name: getattr(entry, name) for name in names})
        before = seal(seal_key(), before, row)
        entries.filter(seq=entry.seq).update(seq=seq, details=entry.details, seal=before)
    if seq:
        apps.get_model("audit", "AuditHead").objects.create(pk=1, seq=seq, seal=before)


def guard(_apps: StateApps, schema: BaseDatabaseSchemaEditor) -> None:
    make_triggers(schema.connection)


def unguard(_apps: StateApps, schema: BaseDatabaseSchemaEditor) -> None:
    drop_triggers(schema.connection)


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [
        migrations.CreateModel(
            name='AuditCheck',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('entries', models.BigIntegerField()),
                ('heads', models.BigIntegerField()),
                ('finding', models.TextField(blank=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='AuditCheckpoint',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('seq', models.BigIntegerField()),
                ('at', models.DateTimeField()),
                ('line', models.TextField()),
            ],
            options={
                'ordering': ['pk'],
            },
        ),
        migrations.CreateModel(
            name='AuditHead',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('seq', models.BigIntegerField(default=0)),
                ('seal', models.CharField(default='0000000000000000000000000000000000000000000000000000000000000000', max_length=64)),
            ],
        ),
        migrations.CreateModel(
            name='AuditSegment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('first', models.BigIntegerField(unique=True)),
                ('last', models.BigIntegerField(unique=True)),
                ('before', models.CharField(max_length=64)),
                ('seal', models.CharField(max_length=64)),
                ('file_name', models.CharField(max_length=100)),
                ('sha256', models.CharField(max_length=64)),
                ('signature', models.CharField(max_length=100)),
                ('sealed_at', models.DateTimeField()),
            ],
            options={
                'ordering': ['first'],
            },
        ),
        migrations.AddField(
            model_name='auditentry',
            name='seal',
            field=models.CharField(default='', max_length=64),
        ),
        migrations.AlterField(
            model_name='auditentry',
            name='at',
            field=models.DateTimeField(),
        ),
        migrations.AlterField(
            model_name='auditentry',
            name='details',
            field=console.audit.fields.SealedJson(default=dict),
        ),
        migrations.AlterField(
            model_name='auditentry',
            name='seq',
            field=models.BigIntegerField(primary_key=True, serialize=False),
        ),
        migrations.RunPython(seal_entries, migrations.RunPython.noop),
        migrations.AlterField(model_name="auditentry", name="seal", field=models.CharField(max_length=64)),
        migrations.RunPython(guard, unguard),
    ]
