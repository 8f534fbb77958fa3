"""A reference names the version of its asset whose file was sent.

No file was replaced before: rows whose checksum is that of their asset were sent its only version;
the others name an asset into which theirs was merged.
"""

from django.db import migrations, models

FILL = """
UPDATE generation_reference AS used SET version = asset.version
  FROM assetbank_asset AS asset
 WHERE asset.id = used.asset_id AND asset.checksum = used.checksum
"""


class Migration(migrations.Migration):
    dependencies = [("assetbank", "0009_versions"), ("generation", "0012_wording")]

    operations = [
        migrations.AddField(
            model_name="reference",
            name="version",
            field=models.PositiveIntegerField(
                help_text="Number of the asset's version that was sent; null: the file is none of "
                "this asset, which another one was merged into.",
                null=True,
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
