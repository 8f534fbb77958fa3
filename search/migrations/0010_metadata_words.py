"""What a file says of itself is found as words; names that a machine gave are no words.

Documents are written again in batches, each its own transaction, so that nobody waits for all of
them. A migration that was interrupted may be run again.
"""

import django.contrib.postgres.search
from django.db import connection, migrations

BATCH = 2_000

# As in assetbank.assets.metadata.titles
MACHINE_NAME = (
    r"(?:_?(?:img|image|imgp|imag|dsc|dscf|dscn|dscs|dcim|pict|pic|photo|foto|bild|picture|cim"
    r"g|kimg|crw|gopr|pano|burst|mvimg|mvi|mov|vid|pxl|psx|wp|scan|fb[ _-]?img|received|file|f"
    r"rame)[ _.-]*[0-9]{2,}[ _.,~()0-9-]*(?:[ _-]*(?:copy|edited|hdr|pano|burst[0-9]*|cover|po"
    r"rtrait|night|mp|pro|raw|wa[0-9]+|e[0-9]{10,}))*|_?(?:mg|mgl|sam|sany|dji|hdr)[ _-]?[0-9]"
    r"{4,}[ _.,~()0-9-]*(?:[ _-]*(?:copy|edited|hdr|pano|burst[0-9]*|cover|portrait|night|mp|p"
    r"ro|raw|wa[0-9]+|e[0-9]{10,}))*|(?:[prl][0-9]|g[hpx])[0-9]{6}|(?:screen ?[ _-]?shot|bilds"
    r"chirmfoto|capture d[^0-9]{1,4}cran|captura de pantalla|schermafbeelding|schermata|whatsa"
    r"pp[ _-](?:image|video)|signal|telegram|download|unnamed|untitled|unknown|image|images|im"
    r"g|photo|picture|pic|scan|file|foto|bild|clipboard|snapshot)(?:[ _.,:~()-]|[0-9]|at|um|om"
    r"|kl|alle|a las|à|am|pm)*|[0-9][ _.,~()-]*(?:[0-9][ _.,~()-]*){4,}(?:[ _-][a-z])?|0[0-9]{"
    r"2,}|[0-9a-f]{8}[ _-]?(?:[0-9a-f]{4}[ _-]?){3}[0-9a-f]{12}(?:[ _-]?\(?[0-9]{1,3}\)?)?|[0-"
    r"9a-f]{16,}(?:[ _-]?\(?[0-9]{1,3}\)?)?)(?:[.][a-z][a-z0-9]{1,4})?"
)

NAMES = f"""
-- A name that a camera, a program or a hash function gave: not a word that anybody searches for.
-- `names` has it nevertheless, so that the exact file name is found
CREATE OR REPLACE FUNCTION search_is_machine_name(name text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT btrim(lower(name)) ~ '^(?:{MACHINE_NAME})$'
$$;

CREATE OR REPLACE FUNCTION search_words_of_name(name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN search_is_machine_name(name) THEN '' ELSE name END
$$;
"""

WRITE = r"""
CREATE OR REPLACE FUNCTION search_document_write(ids bigint[]) RETURNS void LANGUAGE sql AS $$
  INSERT INTO search_document (asset_id, words, names)
  SELECT asset.id,
    setweight(to_tsvector('english', search_folded({title} || ' ' || tags.names)), 'A')
      || setweight(to_tsvector('english', search_folded({facts})), 'B')
      || setweight(to_tsvector('english', search_folded({texts})), 'C')
      || setweight(to_tsvector('english', search_folded(asset.prompt)), 'D'),
    ARRAY(
      SELECT search_name(asset.filename)
      UNION SELECT search_name(regexp_replace(asset.filename, '\.[^.]*$', ''))
      UNION (
        SELECT search_name(found[1])
        FROM regexp_matches(
          concat_ws(' ', asset.title, asset.description, asset.filename, tags.names),
          '[[:alnum:]]+(?:[-./_][[:alnum:]]+)*', 'g') AS found
        WHERE found[1] ~ '[0-9]' AND length(search_name(found[1])) BETWEEN 4 AND 60
        LIMIT 200)
    )
  FROM assetbank_asset AS asset
  CROSS JOIN LATERAL (
    SELECT coalesce(string_agg(tag.name, ' '), '') AS names
    FROM taggit_taggeditem AS item JOIN taggit_tag AS tag ON tag.id = item.tag_id
    WHERE item.object_id = asset.id AND item.content_type_id = (
      SELECT id FROM django_content_type WHERE app_label = 'assetbank' AND model = 'asset')
  ) AS tags
  WHERE asset.id = ANY (ids)
  ON CONFLICT (asset_id) DO UPDATE SET words = excluded.words, names = excluded.names
$$;
"""
TRIGGER = """
DROP TRIGGER IF EXISTS search_asset_updated ON assetbank_asset;
CREATE TRIGGER search_asset_updated AFTER UPDATE ON assetbank_asset FOR EACH ROW
  WHEN (({old}) IS DISTINCT FROM ({new})) EXECUTE FUNCTION search_asset_written();
"""


def statements(title, facts, texts, columns):
    """Return the function that writes documents, and the trigger that calls it."""
    write = WRITE
    for name, value in (("title", title), ("facts", facts), ("texts", texts)):
        write = write.replace("{" + name + "}", value)
    rows = [", ".join(f"{row}.{name}" for name in columns) for row in ("OLD", "NEW")]
    return write + TRIGGER.replace("{old}", rows[0]).replace("{new}", rows[1])


BEFORE = ("title", "description", "filename", "credit", "prompt")
ADDED = ("headline", "alt_text", "extended_description", "creator", "city", "country", "copyright")
FORWARDS = statements(
    "search_words_of_name(asset.title)",
    "concat_ws(' ', search_words_of_name(asset.filename), asset.credit, asset.headline,"
    " asset.creator, asset.city, asset.country)",
    "concat_ws(' ', asset.description, asset.alt_text, asset.extended_description,"
    " asset.copyright)",
    BEFORE + ADDED,
)
BACKWARDS = statements(
    "asset.title", "asset.filename || ' ' || asset.credit", "asset.description", BEFORE
)
DROP = "DROP FUNCTION search_words_of_name, search_is_machine_name;"


def rewrite(apps, schema_editor):
    last = 0
    with connection.cursor() as cursor:
        while True:
            cursor.execute(
                "SELECT id FROM assetbank_asset WHERE id > %s ORDER BY id LIMIT %s", [last, BATCH]
            )
            ids = [pk for (pk,) in cursor.fetchall()]
            if not ids:
                break
            cursor.execute("SELECT search_document_write(%s)", [ids])
            last = ids[-1]


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("search", "0009_rename_models"), ("assetbank", "0007_metadata")]

    operations = [
        migrations.RunPython(migrations.RunPython.noop, rewrite),
        migrations.RunSQL([NAMES], [DROP]),
        migrations.RunSQL([FORWARDS], [BACKWARDS]),
        migrations.RunPython(rewrite, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="document",
            name="words",
            field=django.contrib.postgres.search.SearchVectorField(
                help_text="Weights: A title and tags, B file name, credit, headline, creator and "
                "place, C texts, D prompt."
            ),
        ),
    ]
