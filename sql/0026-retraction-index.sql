-- What a deletion took back, for whoever asks whether a relay may have any of it.
CREATE INDEX outbox_event_taken_back ON outbox_event (pubkey, retracted_at) WHERE retracted_at IS NOT NULL;
