-- Which node a receipt was paid to: an oracle that moves to another LND keeps its receipts, and only the node that was paid
-- can confirm one. Null where nobody noted it, as in every row from before this column.
ALTER TABLE receipt ADD COLUMN node_pubkey bytea CHECK (octet_length(node_pubkey) = 33);

-- When the node was last seen to have lost payments it had reported, whoever saw it: the next checks of the books say so.
ALTER TABLE invoice_cursor ADD COLUMN lost_at bigint;
