-- +goose Up
-- Who did what to whom. Insert-only; sealed into a chain every few seconds.
CREATE TABLE audit_event (
  id TEXT COLLATE "C" PRIMARY KEY,
  at BIGINT NOT NULL,
  action TEXT NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('ok', 'refused', 'failed')),
  actor_kind TEXT NOT NULL,
  actor_id TEXT COLLATE "C",
  on_behalf_practice_id TEXT COLLATE "C",
  subject_kind TEXT,
  subject_id TEXT COLLATE "C",
  practice_id TEXT COLLATE "C",
  thread_id TEXT COLLATE "C",
  session_id TEXT COLLATE "C",
  ip TEXT,
  agent TEXT,
  detail TEXT NOT NULL,
  row_mac BYTEA NOT NULL
);
CREATE INDEX audit_event_actor ON audit_event (actor_id, at);
CREATE INDEX audit_event_subject ON audit_event (subject_id, at);
CREATE INDEX audit_event_practice ON audit_event (practice_id, at);
CREATE INDEX audit_event_action ON audit_event (action, at);
CREATE TABLE audit_pending (
  event_id TEXT COLLATE "C" PRIMARY KEY
);
CREATE TABLE audit_seal (
  n BIGINT PRIMARY KEY,
  at BIGINT NOT NULL,
  count BIGINT NOT NULL,
  event_ids_hash BYTEA NOT NULL,
  prev_hash BYTEA NOT NULL,
  hash BYTEA NOT NULL,
  signature BYTEA NOT NULL
);
CREATE TABLE audit_seal_event (
  n BIGINT NOT NULL,
  pos BIGINT NOT NULL,
  event_id TEXT COLLATE "C" NOT NULL UNIQUE,
  PRIMARY KEY (n, pos)
);
CREATE TABLE audit_lease (
  id BIGINT PRIMARY KEY CHECK (id = 1),
  holder TEXT NOT NULL,
  until_at BIGINT NOT NULL
);
