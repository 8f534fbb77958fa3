"""The hash of an idempotent request is called so; its column keeps its name."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("assetbank", "0005_wording")]

    operations = [
        migrations.AlterField(
            model_name="idempotentrequest",
            name="asked",
            field=models.CharField(
                db_column="asked", help_text="SHA-256 of method, path and body.", max_length=64
            ),
        ),
        migrations.RenameField(
            model_name="idempotentrequest", old_name="asked", new_name="request_hash"
        ),
        migrations.AlterField(
            model_name='asset',
            name='colour_cells',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), default=list, editable=False, help_text='See assetbank.media.colours.', size=None),
        ),
    ]
