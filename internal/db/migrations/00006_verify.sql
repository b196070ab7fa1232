-- +goose Up
-- The current generation of every link; the link itself is made from it and stored nowhere.
CREATE TABLE verify_link (
  kind TEXT NOT NULL,
  subject_id TEXT COLLATE "C" NOT NULL,
  generation BIGINT NOT NULL,
  sent_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT,
  PRIMARY KEY (kind, subject_id)
);
-- One browser's way through one flow: what it has proved, and its secret code.
CREATE TABLE verify_flow (
  id TEXT COLLATE "C" PRIMARY KEY,
  kind TEXT NOT NULL,
  subject_id TEXT COLLATE "C" NOT NULL,
  browser_mac BYTEA NOT NULL,
  generation BIGINT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'done', 'ended')),
  ended_why TEXT,
  link_at BIGINT,
  phone_at BIGINT,
  phone_mac BYTEA,
  terms_version TEXT,
  terms_at BIGINT,
  data_sealed BYTEA,
  method TEXT,
  code_mac BYTEA,
  code_sealed BYTEA,
  code_expires_at BIGINT,
  tries BIGINT NOT NULL,
  sends BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  version BIGINT NOT NULL
);
CREATE INDEX verify_flow_subject ON verify_flow (subject_id, kind, state);
CREATE UNIQUE INDEX verify_flow_browser ON verify_flow (subject_id, kind, browser_mac) WHERE state = 'open';
CREATE INDEX verify_flow_expires ON verify_flow (expires_at) WHERE state = 'open';
CREATE INDEX verify_flow_of_browser ON verify_flow (browser_mac, kind) WHERE state = 'open';
