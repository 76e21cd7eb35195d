-- Which outcomes rest on the word of whoever asked, and the payment that proves one; each payment proves one outcome.
CREATE TABLE outcome_report (
  prediction_id text   PRIMARY KEY REFERENCES prediction_outcome (prediction_id),
  payment_hash  bytea  UNIQUE CHECK (octet_length(payment_hash) = 32),
  reported_at   bigint NOT NULL
);
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON outcome_report
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_prediction_change();
