-- What the crawler read and what follows from it: graph snapshots, nodes with their scores, and the predictions we gave.

-- A whole channel graph as one compact body (src/core/graph/snapshot.ts). The digest names its content.
CREATE TABLE graph_snapshot (
  snapshot_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  digest        bytea   NOT NULL CHECK (octet_length(digest) = 32),
  taken_at      bigint  NOT NULL,
  node_count    integer NOT NULL,
  channel_count integer NOT NULL,
  arc_count     integer NOT NULL,
  source        text    NOT NULL,
  body          bytea   NOT NULL
);

-- Every node of the newest snapshot, with its score when there is enough to say.
CREATE TABLE node (
  node_key        bytea   PRIMARY KEY CHECK (octet_length(node_key) = 33),
  key_hash        bytea   NOT NULL UNIQUE CHECK (octet_length(key_hash) = 32),
  alias           text    NOT NULL,
  channel_count   integer NOT NULL,
  live_in_count   integer NOT NULL,
  capacity_sat    bigint  NOT NULL,
  last_update_at  bigint  NOT NULL,
  snapshot_id     bigint  NOT NULL REFERENCES graph_snapshot,
  rank            smallint CHECK (rank BETWEEN 0 AND 100),
  rank_low        smallint,
  rank_high       smallint,
  reach_ratio     real    CHECK (reach_ratio BETWEEN 0 AND 1),
  observations    integer,
  scored_at       bigint,
  CHECK ((rank IS NULL) = (scored_at IS NULL)),
  CHECK (rank IS NULL OR (rank_low <= rank AND rank <= rank_high))
);
CREATE INDEX node_alias ON node (lower(alias) text_pattern_ops);
CREATE INDEX node_rank ON node (rank DESC, node_key) WHERE rank IS NOT NULL;
CREATE INDEX node_snapshot ON node (snapshot_id);

-- One row per scoring run, so that the age of what we serve is known.
CREATE TABLE scoring_run (
  scoring_run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  snapshot_id    bigint  NOT NULL REFERENCES graph_snapshot,
  scored_count   integer NOT NULL,
  finished_at    bigint  NOT NULL
);

-- Each probability we sold, as it was given and before its outcome is known.
CREATE TABLE prediction (
  prediction_id uuid    PRIMARY KEY,
  target_key    bytea   NOT NULL,
  caller_key    bytea,
  amount_msat   bigint  NOT NULL,
  probability   real    NOT NULL CHECK (probability BETWEEN 0 AND 1),
  low           real    NOT NULL,
  high          real    NOT NULL,
  first_try     real    NOT NULL,
  verdict       text    NOT NULL,
  graph_digest  bytea   NOT NULL,
  model         text    NOT NULL,
  predicted_at  bigint  NOT NULL
);
CREATE INDEX prediction_time ON prediction (predicted_at);
