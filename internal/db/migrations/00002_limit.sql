-- +goose Up
-- Shared counters in fixed windows; key_mac hides what is counted.
CREATE TABLE limit_hit (
  key_mac BYTEA NOT NULL,
  window_at BIGINT NOT NULL,
  n BIGINT NOT NULL,
  PRIMARY KEY (key_mac, window_at)
);
CREATE INDEX limit_hit_window ON limit_hit (window_at);
