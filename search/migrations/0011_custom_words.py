"""Searched custom fields are found as words, and article numbers in them exactly.

Which fields are searched is data of the brand: the function that writes documents reads it. No brand
has a field when this is applied, so no document changes.
"""

from importlib import import_module

from django.db import migrations

before = import_module("search.migrations.0010_metadata_words")

TEXT = """
-- The words of an asset's searched custom fields; `long` chooses long texts or all others
CREATE FUNCTION search_custom_text(custom jsonb, brand bigint, long boolean) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce(string_agg(value, ' '), '')
  FROM assetbank_customfield AS field
  CROSS JOIN LATERAL assetbank_custom_values(custom, field.name) AS value
  WHERE custom <> '{}'::jsonb AND field.brand_id = brand AND field.searched
    AND field.kind <> 'yes_no' AND (field.kind = 'long_text') = long
$$;

-- Values that are article numbers as a whole, however they are punctuated
CREATE FUNCTION search_custom_names(custom jsonb, brand bigint) RETURNS SETOF text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT search_name(value)
  FROM assetbank_customfield AS field
  CROSS JOIN LATERAL assetbank_custom_values(custom, field.name) AS value
  WHERE custom <> '{}'::jsonb AND field.brand_id = brand AND field.searched
    AND field.kind IN ('text', 'number', 'choice', 'choices')
    AND value ~ '[0-9]' AND length(search_name(value)) BETWEEN 3 AND 60
$$;
"""
DROP = "DROP FUNCTION search_custom_text, search_custom_names;"

BASE = (
    "search_words_of_name(asset.title)",
    "concat_ws(' ', search_words_of_name(asset.filename), asset.credit, asset.headline,"
    " asset.creator, asset.city, asset.country, {short})",
    "concat_ws(' ', asset.description, asset.alt_text, asset.extended_description,"
    " asset.copyright, {long})",
)
SHORT = "search_custom_text(asset.custom, asset.brand_id, false)"
LONG = "search_custom_text(asset.custom, asset.brand_id, true)"
NAMES = "concat_ws(' ', asset.title, asset.description, asset.filename, tags.names"
FORWARDS = (
    before.statements(
        BASE[0],
        BASE[1].replace("{short}", SHORT),
        BASE[2].replace("{long}", LONG),
        before.BEFORE + before.ADDED + ("custom",),
    )
    .replace(NAMES, f"{NAMES}, {SHORT}, {LONG}")
    .replace(
        "      UNION (\n",
        "      UNION SELECT search_custom_names(asset.custom, asset.brand_id)\n      UNION (\n",
    )
)


class Migration(migrations.Migration):
    dependencies = [("search", "0010_metadata_words"), ("assetbank", "0011_custom_fields")]

    operations = [
        migrations.RunSQL([TEXT], [DROP]),
        migrations.RunSQL([FORWARDS], [before.FORWARDS]),
    ]
