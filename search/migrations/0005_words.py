"""PostgreSQL keeps `search_document` true: triggers on assets and their tags.

Triggers, because words must be findable the moment a change commits, whoever made it: the pages,
`bulk_create`, `update()` or SQL by hand; and because tags are written after the row they belong to.
"""

from django.db import migrations

FUNCTIONS = r"""
-- Lower case without accents, and anything that is neither letter nor digit a space: the same for
-- what is written and for what is asked
CREATE FUNCTION search_folded(raw text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT regexp_replace(
    regexp_replace(lower(normalize(raw, NFKD)), '[\u0300-\u036f]', '', 'g'),
    '[^[:alnum:]]+', ' ', 'g')
$$;

-- A file name or an article number, however it is punctuated: "ORV-2231", "orv 2231" and "ORV2231"
CREATE FUNCTION search_name(raw text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT replace(search_folded(raw), ' ', '')
$$;

CREATE FUNCTION search_document_write(ids bigint[]) RETURNS void LANGUAGE sql AS $$
  INSERT INTO search_document (asset_id, words, names)
  SELECT asset.id,
    setweight(to_tsvector('english', search_folded(asset.title || ' ' || tags.names)), 'A')
      || setweight(to_tsvector('english', search_folded(asset.filename || ' ' || asset.credit)), 'B')
      || setweight(to_tsvector('english', search_folded(asset.description)), 'C')
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

CREATE FUNCTION search_asset_written() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM search_document_write(ARRAY[NEW.id]);
  RETURN NULL;
END $$;

CREATE FUNCTION search_tags_written() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM search_document_write(ARRAY(
    SELECT DISTINCT object_id FROM changed WHERE content_type_id = (
      SELECT id FROM django_content_type WHERE app_label = 'assetbank' AND model = 'asset')));
  RETURN NULL;
END $$;

CREATE FUNCTION search_tag_renamed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM search_document_write(ARRAY(
    SELECT DISTINCT object_id FROM taggit_taggeditem WHERE tag_id = NEW.id AND content_type_id = (
      SELECT id FROM django_content_type WHERE app_label = 'assetbank' AND model = 'asset')));
  RETURN NULL;
END $$;
"""

TRIGGERS = """
ALTER TABLE search_document ADD CONSTRAINT search_document_asset
  FOREIGN KEY (asset_id) REFERENCES assetbank_asset (id) ON DELETE CASCADE;

CREATE TRIGGER search_asset_inserted AFTER INSERT ON assetbank_asset
  FOR EACH ROW EXECUTE FUNCTION search_asset_written();
CREATE TRIGGER search_asset_updated AFTER UPDATE ON assetbank_asset FOR EACH ROW
  WHEN ((OLD.title, OLD.description, OLD.filename, OLD.credit, OLD.prompt)
    IS DISTINCT FROM (NEW.title, NEW.description, NEW.filename, NEW.credit, NEW.prompt))
  EXECUTE FUNCTION search_asset_written();
CREATE TRIGGER search_tags_inserted AFTER INSERT ON taggit_taggeditem
  REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION search_tags_written();
CREATE TRIGGER search_tags_deleted AFTER DELETE ON taggit_taggeditem
  REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION search_tags_written();
CREATE TRIGGER search_tag_renamed AFTER UPDATE OF name ON taggit_tag
  FOR EACH ROW EXECUTE FUNCTION search_tag_renamed();

SELECT search_document_write(ARRAY(SELECT id FROM assetbank_asset));
"""

UNDO = """
DROP FUNCTION search_tag_renamed, search_tags_written, search_asset_written CASCADE;
DROP FUNCTION search_document_write, search_name, search_folded CASCADE;
ALTER TABLE search_document DROP CONSTRAINT search_document_asset;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("search", "0004_embedding_has_a_space"),
        ("assetbank", "0002_pixels_and_policy"),
        ("taggit", "0006_rename_taggeditem_content_type_object_id_taggit_tagg_content_8fc721_idx"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.RunSQL([FUNCTIONS], migrations.RunSQL.noop),
        migrations.RunSQL([TRIGGERS], UNDO),
    ]
