"""Embeddings of before belong to the active space; those of another encoder start anew in it."""

from django.db import migrations

ADOPT = """
INSERT INTO search_vectorspace (model, source, is_demo, dimension, collection, active, revision,
                                background, gate, problem, created_at)
SELECT '', '', false, 0, '', true, 0, '{}', '{}', '', now()
WHERE EXISTS (SELECT FROM search_embedding)
  AND NOT EXISTS (SELECT FROM search_vectorspace WHERE active);
UPDATE search_embedding SET space_id = space.id
FROM search_vectorspace AS space WHERE space.active;
UPDATE search_embedding SET vector_bytes = NULL, checksum = ''
FROM search_vectorspace AS space
WHERE space.active AND search_embedding.fingerprint IS DISTINCT FROM space.fingerprint;
DELETE FROM search_vectorspace WHERE NOT active;
UPDATE search_vectorspace SET activated_at = created_at WHERE fingerprint IS NOT NULL;
"""


class Migration(migrations.Migration):
    dependencies = [("search", "0002_trusted_search")]

    operations = [migrations.RunSQL(ADOPT, migrations.RunSQL.noop)]
