from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("generation", "0005_output_checksum")]

    operations = [
        migrations.AlterField(
            model_name="finding",
            name="code",
            field=models.CharField(
                choices=[
                    ("palette", "Colours outside the palette"),
                    ("words", "Words that are not approved"),
                    ("reference_ignored", "A reference was ignored"),
                    ("near_duplicate", "Nearly the same is in the library"),
                    ("unchecked", "Something that could not be checked"),
                ],
                max_length=30,
            ),
        )
    ]
