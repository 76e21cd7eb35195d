-- What a published assertion about an endpoint counts, of the newest calls that it was rated by (src/core/trust/describe-calls.ts):
-- those of ours, those of them that were paid for, and those that went well as far as they went.
ALTER TABLE endpoint_belief
  ADD COLUMN probe_count integer NOT NULL DEFAULT 0 CHECK (probe_count >= 0),
  ADD COLUMN paid_count  integer NOT NULL DEFAULT 0 CHECK (paid_count BETWEEN 0 AND probe_count),
  ADD COLUMN good_count  integer NOT NULL DEFAULT 0 CHECK (good_count BETWEEN 0 AND probe_count);
-- What was said of a subject, by one key.
CREATE INDEX outbox_event_said ON outbox_event (subject, pubkey) WHERE retracted_at IS NULL;
DROP INDEX outbox_event_subject;
