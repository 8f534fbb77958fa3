from django.db import migrations, models


FILL = """
UPDATE generation_output SET checksum = asset.checksum
FROM assetbank_asset AS asset WHERE asset.id = generation_output.asset_id;
UPDATE generation_output SET checksum = encode(sha256(data), 'hex')
WHERE asset_id IS NULL AND data IS NOT NULL;
"""


class Migration(migrations.Migration):

    dependencies = [
        ("generation", "0004_engine_models"),
    ]

    operations = [
        migrations.AddField(
            model_name="output",
            name="checksum",
            field=models.CharField(
                blank=True, help_text="SHA-256 of its bytes as they came.", max_length=64, default=""
            ),
            preserve_default=False,
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name="output",
            index=models.Index(
                models.F("checksum"), condition=models.Q(asset=None), name="output_deleted"
            ),
        ),
        migrations.AddIndex(
            model_name="reference",
            index=models.Index(
                models.F("checksum"), condition=models.Q(asset=None), name="reference_of_deleted"
            ),
        ),
    ]
