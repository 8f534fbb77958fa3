"""Pictures that were generated before say what they are, too."""

from django.db import migrations


def forwards(apps, schema_editor):
    generated = apps.get_model("assetbank", "Asset").objects.filter(origin="generated")
    generated.filter(engine_model="sketch").update(digital_source_type="algorithmicMedia")
    generated.exclude(engine_model="sketch").update(digital_source_type="trainedAlgorithmicMedia")


class Migration(migrations.Migration):
    dependencies = [("assetbank", "0003_rights_and_decisions")]
    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
