-- A node's channels are looked up by either end, to tell how they came and went.
CREATE INDEX channel_opened_a ON channel_opened (node_a);
CREATE INDEX channel_opened_b ON channel_opened (node_b);
