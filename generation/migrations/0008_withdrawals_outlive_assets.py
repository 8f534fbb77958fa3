from typing import Any

import django.db.models.deletion
from django.apps.registry import Apps
from django.db import migrations, models

FILL = """
UPDATE generation_withdrawal
SET brand_id = asset.brand_id, title = asset.title, checksum = asset.checksum
FROM assetbank_asset AS asset WHERE asset.id = generation_withdrawal.asset_id;
SET CONSTRAINTS ALL IMMEDIATE;
"""


def remember_deleted(apps: Apps, schema_editor: Any) -> None:
    """What is in quarantine because of a source that was deleted with its withdrawal."""
    Withdrawal = apps.get_model("generation", "Withdrawal")
    Quarantine = apps.get_model("generation", "Quarantine")
    held = Quarantine.objects.filter(withdrawal__lifted_at=None).values("asset")
    quarantined = apps.get_model("assetbank", "Asset").objects.filter(status="quarantined")
    for asset in quarantined.exclude(pk__in=held):
        withdrawal = Withdrawal.objects.create(
            brand_id=asset.brand_id,
            title="A picture of unknown title",
            reason="Its reason was deleted with it.",
        )
        withdrawal.quarantined.create(asset=asset, status_before="draft")


class Migration(migrations.Migration):
    dependencies = [
        ("assetbank", "0004_source_type_of_generated"),
        ("generation", "0007_shipped_presets"),
    ]

    operations = [
        migrations.AddField(
            model_name="withdrawal",
            name="brand",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="withdrawals",
                to="assetbank.brand",
            ),
        ),
        migrations.AddField(
            model_name="withdrawal",
            name="title",
            field=models.CharField(default="", max_length=200),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="withdrawal",
            name="checksum",
            field=models.CharField(default="", max_length=64),
            preserve_default=False,
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="withdrawal",
            name="brand",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="withdrawals",
                to="assetbank.brand",
            ),
        ),
        migrations.AlterField(
            model_name="withdrawal",
            name="asset",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="withdrawals",
                to="assetbank.asset",
            ),
        ),
        migrations.RunPython(remember_deleted, migrations.RunPython.noop),
    ]
