import django.utils.timezone
from django.db import migrations, models


def add_first(apps, schema_editor):
    """What was there before there were workspaces belongs to this one; later migrations give it everything by its
    key, which is 1: it is the first row of its table."""
    rules = {"addresses": ["0.0.0.0/0", "::/0"]}
    workspace = apps.get_model("workspaces", "Workspace")
    workspace.objects.using(schema_editor.connection.alias).create(slug="main", rules_json=rules)


class Migration(migrations.Migration):

    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name='Workspace',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slug', models.SlugField(max_length=40, unique=True)),
                ('title', models.CharField(blank=True, max_length=80)),
                ('rules_json', models.JSONField(db_column='rules', default=dict)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['slug'],
            },
        ),
        migrations.RunPython(add_first, migrations.RunPython.noop),
    ]
