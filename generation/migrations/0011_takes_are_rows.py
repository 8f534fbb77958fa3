"""Leave the takes of before, which are carried over."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("generation", "0010_carry_takes")]

    operations = [
        migrations.RemoveField("generation", "takes"),
        migrations.RemoveField("turn", "generation"),
        migrations.RemoveField("turn", "take_number"),
        migrations.RemoveField("output", "take_number"),
        migrations.RemoveField("ledgerentry", "take_number"),
        migrations.AlterField(
            "take",
            "generation",
            models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="takes",
                to="generation.generation",
            ),
        ),
        migrations.AlterField(
            "ledgerentry",
            "take",
            models.ForeignKey(
                help_text="Which answer was charged.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="ledger",
                to="generation.take",
            ),
        ),
        migrations.AlterField(
            "output",
            "take",
            models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="outputs",
                to="generation.take",
            ),
        ),
        migrations.AlterField(
            "turn",
            "take",
            models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="turn",
                to="generation.take",
            ),
        ),
        migrations.AlterModelOptions("output", {"ordering": ["take__number", "position"]}),
        migrations.AddConstraint(
            "ledgerentry",
            models.UniqueConstraint(
                condition=models.Q(("kind", "charged")),
                fields=("take",),
                name="an_answer_is_charged_once",
            ),
        ),
        migrations.AddConstraint(
            "output",
            models.UniqueConstraint(fields=("take", "position"), name="one_output_per_position"),
        ),
    ]
