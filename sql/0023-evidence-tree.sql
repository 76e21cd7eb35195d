-- One hash for the whole evidence log, and short proofs of what it holds: the Merkle tree of RFC 9162 over its entries.

-- Hashes of complete subtrees: of the entries from position `index * 2^level + 1` on, 2^level of them. Lower levels follow from the
-- entries themselves, which cannot change; so these never change either, and whoever computes them finds the same.
CREATE TABLE evidence_node (
  level smallint NOT NULL CHECK (level BETWEEN 5 AND 62),
  index bigint   NOT NULL CHECK (index >= 0),
  hash  bytea    NOT NULL CHECK (octet_length(hash) = 32),
  PRIMARY KEY (level, index)
);

-- What the log says of a node: as the one it is about, or that forwards, and as its neighbour. In their order, for paging.
CREATE INDEX evidence_about ON evidence ((entry::jsonb ->> 6), position) WHERE kind <> 'call';
CREATE INDEX evidence_beside ON evidence ((entry::jsonb ->> 7), position) WHERE kind <> 'call';
