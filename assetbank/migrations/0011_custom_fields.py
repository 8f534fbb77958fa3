"""Custom fields of a brand, and indexes of their values; triggers keep that of numbers."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

FUNCTIONS = r"""
-- The values of one custom field as texts: one row, several for a field with several choices
CREATE FUNCTION assetbank_custom_values(custom jsonb, name text) RETURNS SETOF text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT jsonb_array_elements_text(
    CASE jsonb_typeof(custom -> name)
      WHEN 'array' THEN custom -> name
      WHEN 'null' THEN '[]'::jsonb
      WHEN 'boolean' THEN
        jsonb_build_array(CASE custom ->> name WHEN 'true' THEN 'yes' ELSE 'no' END)
      ELSE jsonb_build_array(custom -> name)
    END)
  WHERE custom -> name IS NOT NULL
$$;

CREATE FUNCTION assetbank_custom_numbers_write(ids bigint[]) RETURNS void LANGUAGE sql AS $$
  DELETE FROM assetbank_customnumber WHERE asset_id = ANY (ids);
  INSERT INTO assetbank_customnumber (asset_id, field_id, value)
  SELECT asset.id, field.id,
    CASE field.kind
      WHEN 'number' THEN (asset.custom ->> field.name)::float8
      ELSE ((asset.custom ->> field.name)::date - '1970-01-01'::date)::float8
    END
  FROM assetbank_asset AS asset
  JOIN assetbank_customfield AS field ON field.brand_id = asset.brand_id
  WHERE asset.id = ANY (ids)
    AND CASE field.kind
      WHEN 'number' THEN jsonb_typeof(asset.custom -> field.name) = 'number'
      WHEN 'date' THEN (asset.custom ->> field.name) ~ '^\d{4}-\d{2}-\d{2}$'
      ELSE false
    END
$$;

CREATE FUNCTION assetbank_custom_written() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM assetbank_custom_numbers_write(ARRAY[NEW.id]);
  RETURN NULL;
END $$;
"""

TRIGGERS = """
ALTER TABLE assetbank_customnumber ADD CONSTRAINT custom_number_asset
  FOREIGN KEY (asset_id) REFERENCES assetbank_asset (id) ON DELETE CASCADE;
ALTER TABLE assetbank_customnumber ADD CONSTRAINT custom_number_field
  FOREIGN KEY (field_id) REFERENCES assetbank_customfield (id) ON DELETE CASCADE;
CREATE TRIGGER assetbank_custom_inserted AFTER INSERT ON assetbank_asset
  FOR EACH ROW WHEN (NEW.custom <> '{}'::jsonb) EXECUTE FUNCTION assetbank_custom_written();
CREATE TRIGGER assetbank_custom_updated AFTER UPDATE ON assetbank_asset
  FOR EACH ROW WHEN (OLD.custom IS DISTINCT FROM NEW.custom)
  EXECUTE FUNCTION assetbank_custom_written();
"""

UNDO = """
DROP FUNCTION assetbank_custom_written CASCADE;
DROP FUNCTION assetbank_custom_numbers_write, assetbank_custom_values;
ALTER TABLE assetbank_customnumber DROP CONSTRAINT custom_number_asset;
ALTER TABLE assetbank_customnumber DROP CONSTRAINT custom_number_field;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("assetbank", "0010_titles"),
        ("taggit", "0006_rename_taggeditem_content_type_object_id_taggit_tagg_content_8fc721_idx"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="CustomField",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        help_text="Never changes, for example sku.",
                        max_length=40,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[a-z][a-z0-9_]{0,39}\\Z",
                                "A name has at most 40 lower-case letters, digits and underscores, and begins with a letter.",
                            )
                        ],
                    ),
                ),
                (
                    "label",
                    models.CharField(
                        help_text="Shown on pages, for example Article number.", max_length=80
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("text", "Text"),
                            ("long_text", "Long text"),
                            ("number", "Number"),
                            ("date", "Date"),
                            ("choice", "Choice"),
                            ("choices", "Several choices"),
                            ("yes_no", "Yes or no"),
                            ("url", "Web address"),
                        ],
                        default="text",
                        max_length=10,
                    ),
                ),
                (
                    "choices",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=100),
                        blank=True,
                        default=list,
                        size=None,
                    ),
                ),
                (
                    "retired_choices",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=100),
                        blank=True,
                        default=list,
                        help_text="No longer offered; assets that have them keep them.",
                        size=None,
                    ),
                ),
                (
                    "required",
                    models.BooleanField(
                        default=False, help_text="New assets need a value; older ones may lack it."
                    ),
                ),
                (
                    "default",
                    models.JSONField(
                        blank=True, help_text="Value of new assets; null: no default.", null=True
                    ),
                ),
                (
                    "help",
                    models.CharField(
                        blank=True, help_text="Shown below the field.", max_length=300
                    ),
                ),
                (
                    "xmp_property",
                    models.CharField(
                        blank=True,
                        help_text="Read from files and written to downloads, for example acme:SKU.",
                        max_length=120,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[A-Za-z_][\\w.-]*:[A-Za-z_][\\w.-]*\\Z",
                                "An XMP property has a prefix and a name, for example acme:SKU.",
                            )
                        ],
                        verbose_name="XMP property",
                    ),
                ),
                (
                    "searched",
                    models.BooleanField(default=True, help_text="Searches find its words."),
                ),
                (
                    "filterable",
                    models.BooleanField(
                        default=True, help_text="Searches filter by it.", verbose_name="filter"
                    ),
                ),
                ("position", models.PositiveIntegerField(default=0)),
            ],
            options={
                "ordering": ["brand", "position", "id"],
            },
        ),
        migrations.CreateModel(
            name="CustomNumber",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("value", models.FloatField()),
            ],
        ),
        migrations.AddField(
            model_name="brand",
            name="fields_changed_at",
            field=models.DateTimeField(
                editable=False,
                help_text="When its custom fields last changed; null: it never had any.",
                null=True,
            ),
        ),
        migrations.AddIndex(
            model_name="asset",
            index=django.contrib.postgres.indexes.GinIndex(
                fields=["custom"],
                name="asset_custom",
                opclasses=["jsonb_path_ops"],
            ),
        ),
        migrations.AddField(
            model_name="customfield",
            name="brand",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="custom_fields",
                to="assetbank.brand",
            ),
        ),
        migrations.AddField(
            model_name="customnumber",
            name="asset",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="assetbank.asset",
            ),
        ),
        migrations.AddField(
            model_name="customnumber",
            name="field",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="assetbank.customfield",
            ),
        ),
        migrations.AddConstraint(
            model_name="customfield",
            constraint=models.UniqueConstraint(
                fields=("brand", "name"), name="one_custom_field_per_name"
            ),
        ),
        migrations.AddIndex(
            model_name="customnumber",
            index=models.Index(fields=["field", "value", "asset"], name="custom_number_in_range"),
        ),
        migrations.AddConstraint(
            model_name="customnumber",
            constraint=models.UniqueConstraint(
                fields=("asset", "field"), name="one_number_per_custom_field"
            ),
        ),
        migrations.RunSQL([FUNCTIONS], migrations.RunSQL.noop),
        migrations.RunSQL([TRIGGERS], UNDO),
    ]
