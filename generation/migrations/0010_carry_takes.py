"""Carry the takes over from `Generation.takes`, and those that only an output, a turn or an entry
of the ledger knows of.

A migration of its own: PostgreSQL alters no table with rows whose foreign keys it has yet to check.
"""

from django.db import migrations

CARRY = """
WITH numbered AS (
    SELECT generation.id AS generation_id, known.number::smallint AS number
      FROM generation_generation AS generation, jsonb_object_keys(generation.takes) AS known(number)
    UNION SELECT generation_id, take_number FROM generation_output
    UNION SELECT generation_id, take_number FROM generation_turn
    UNION SELECT generation_id, take_number FROM generation_ledgerentry
     WHERE generation_id IS NOT NULL AND take_number IS NOT NULL
), charged AS (
    SELECT generation_id, take_number AS number, max(at) AS at
      FROM generation_ledgerentry
     WHERE generation_id IS NOT NULL AND take_number IS NOT NULL
     GROUP BY 1, 2
), found AS (
    SELECT numbered.*, generation.takes -> numbered.number::text AS record,
           charged.at AS charged_at, coalesce(charged.at, generation.finished_at) AS ended_at,
           EXISTS (SELECT FROM generation_output AS output
                    WHERE output.generation_id = numbered.generation_id
                      AND output.take_number = numbered.number)
           OR coalesce(turn.content ? 'parts', false) AS answered
      FROM numbered
      JOIN generation_generation AS generation ON generation.id = numbered.generation_id
      LEFT JOIN charged USING (generation_id, number)
      LEFT JOIN generation_turn AS turn
        ON turn.generation_id = numbered.generation_id AND turn.take_number = numbered.number
), told AS (
    SELECT *, CASE
               WHEN record ? 'refused' THEN 'refused'
               WHEN record ->> 'lost' IN ('worker_ended', 'internal_error') THEN 'abandoned'
               WHEN record ? 'lost' THEN 'lost'
               WHEN record IS NOT NULL OR answered THEN 'answered'
               WHEN charged_at IS NOT NULL THEN 'lost'
               ELSE 'asked'
           END AS state
      FROM found
)
INSERT INTO generation_take (generation_id, number, state, replaced, code, reason, whole_prompt,
                             text, usage, model_version, response_id, ended_at)
SELECT generation_id, number, state, coalesce(record ? 'again', false),
       CASE WHEN record IS NULL AND state = 'lost' THEN 'no_record'
            ELSE left(coalesce(record ->> 'refused', record ->> 'lost', ''), 60) END,
       CASE WHEN record IS NULL AND state = 'lost'
            THEN 'It was charged, and no record of its answer was kept.'
            ELSE coalesce(record ->> 'reason', '') END,
       state = 'refused' AND record ? 'whole_prompt',
       coalesce(record ->> 'text', ''),
       coalesce(record -> 'usage', '{}'),
       coalesce(record ->> 'model_version', ''),
       coalesce(record ->> 'response_id', ''),
       CASE WHEN state <> 'asked' THEN ended_at END
  FROM told
 ORDER BY generation_id, number;
"""

# The ledger outlives its generations; entries of those that were deleted keep no take
POINT = """
UPDATE generation_{table} AS row SET take_id = take.id FROM generation_take AS take
 WHERE take.generation_id = row.generation_id AND take.number = row.take_number;
"""

CARRY_BACK = """
UPDATE generation_generation AS generation SET takes = told.takes
  FROM (
    SELECT take.generation_id, jsonb_object_agg(
               take.number::text,
               jsonb_build_object('usage', take.usage)
               || CASE take.state
                      WHEN 'answered' THEN jsonb_build_object(
                          'text', take.text,
                          'model_version', take.model_version,
                          'response_id', take.response_id,
                          'pictures', (SELECT count(*) FROM generation_output AS output
                                        WHERE output.take_id = take.id))
                      WHEN 'refused' THEN
                          jsonb_build_object('refused', take.code, 'reason', take.reason)
                      ELSE jsonb_build_object('lost', take.code, 'reason', take.reason)
                  END
               || CASE WHEN take.whole_prompt THEN '{"whole_prompt": true}' ELSE '{}' END::jsonb
               || CASE WHEN take.replaced THEN '{"again": true}' ELSE '{}' END::jsonb
           ) AS takes
      FROM generation_take AS take WHERE take.state <> 'asked' GROUP BY take.generation_id
  ) AS told
 WHERE told.generation_id = generation.id;
UPDATE generation_turn AS row SET take_number = take.number, generation_id = take.generation_id
  FROM generation_take AS take WHERE take.id = row.take_id;
UPDATE generation_output AS row SET take_number = take.number
  FROM generation_take AS take WHERE take.id = row.take_id;
UPDATE generation_ledgerentry AS row SET take_number = take.number
  FROM generation_take AS take WHERE take.id = row.take_id;
"""


class Migration(migrations.Migration):
    dependencies = [("generation", "0009_take")]

    operations = [
        migrations.RunSQL(
            CARRY + "".join(POINT.format(table=name) for name in ("output", "turn", "ledgerentry")),
            CARRY_BACK,
        )
    ]
