-- What we said can be taken back: by an event of kind 5 that stays in the outbox for ever, beside what it took back.

-- created_at of the retraction (kind 5) that took this version back; relays drop whatever is not newer than it. NULL: it stands.
ALTER TABLE outbox_event ADD COLUMN retracted_at bigint;
