"""Make room for takes as rows: the table, and beside each number of a take its row."""

import django.db.models.deletion
from django.db import migrations, models


def to_take():
    return models.ForeignKey(
        null=True,
        on_delete=django.db.models.deletion.CASCADE,
        related_name="+",
        to="generation.take",
    )


class Migration(migrations.Migration):
    dependencies = [("generation", "0008_withdrawals_outlive_assets")]

    operations = [
        migrations.CreateModel(
            name="Take",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveSmallIntegerField(help_text="From 0.")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("asked", "Asked for"),
                            ("answered", "Answered"),
                            ("refused", "Refused"),
                            ("lost", "Lost"),
                            ("abandoned", "Abandoned"),
                        ],
                        default="asked",
                        max_length=10,
                    ),
                ),
                (
                    "replaced",
                    models.BooleanField(
                        default=False, help_text="A user had another one asked for in its place."
                    ),
                ),
                (
                    "code",
                    models.CharField(
                        blank=True,
                        help_text="Why there is no picture, for programs.",
                        max_length=60,
                    ),
                ),
                (
                    "reason",
                    models.TextField(
                        blank=True, help_text="Why there is no picture, in a sentence."
                    ),
                ),
                (
                    "whole_prompt",
                    models.BooleanField(
                        default=False,
                        help_text="The prompt was refused: no other take would be answered.",
                    ),
                ),
                (
                    "text",
                    models.TextField(
                        blank=True, help_text="What the model wrote with its pictures."
                    ),
                ),
                (
                    "usage",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text="What the engine counted, by its own names.",
                    ),
                ),
                (
                    "model_version",
                    models.TextField(blank=True, help_text="As the engine names it."),
                ),
                ("response_id", models.TextField(blank=True, help_text="As the engine names it.")),
                (
                    "asked_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="Empty where that was not recorded before the answer.",
                        null=True,
                    ),
                ),
                (
                    "ended_at",
                    models.DateTimeField(
                        blank=True, help_text="When its state was recorded.", null=True
                    ),
                ),
                (
                    "generation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="generation.generation",
                    ),
                ),
            ],
            options={
                "ordering": ["number"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("generation", "number"), name="one_take_per_number"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("replaced", False),
                            models.Q(("state", "asked"), _negated=True),
                            _connector="OR",
                        ),
                        name="only_ended_is_replaced",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("whole_prompt", False), ("state", "refused"), _connector="OR"
                        ),
                        name="only_refusals_are_of_the_prompt",
                    ),
                ],
            },
        ),
        migrations.RemoveConstraint("ledgerentry", "an_answer_is_charged_once"),
        migrations.RemoveConstraint("output", "one_output_per_position"),
        migrations.RemoveConstraint("turn", "one_turn_per_take"),
        migrations.AlterModelOptions("output", {"ordering": ["position"]}),
        migrations.RenameField("ledgerentry", "take", "take_number"),
        migrations.RenameField("output", "take", "take_number"),
        migrations.RenameField("turn", "take", "take_number"),
        # Empty when they come back: the next migration, backwards, fills them
        migrations.AlterField(
            "output", "take_number", models.PositiveSmallIntegerField(null=True)
        ),
        migrations.AlterField("turn", "take_number", models.PositiveSmallIntegerField(null=True)),
        migrations.AlterField(
            "turn",
            "generation",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="turns",
                to="generation.generation",
            ),
        ),
        migrations.AddField("ledgerentry", "take", to_take()),
        migrations.AddField("output", "take", to_take()),
        migrations.AddField("turn", "take", to_take()),
    ]
