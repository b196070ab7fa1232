-- +goose Up
-- One row for each thing that ever held files. Every act on its files locks this row first; a closed holder takes no more.
CREATE TABLE attach_holder (
  holder TEXT COLLATE "C" PRIMARY KEY,
  closed BOOLEAN NOT NULL,
  version BIGINT NOT NULL
);
-- wrapped_dek is gone once the file is: its parts are then noise.
CREATE TABLE attach_file (
  id TEXT COLLATE "C" PRIMARY KEY,
  user_id TEXT COLLATE "C" NOT NULL,
  owner_id TEXT COLLATE "C" NOT NULL,
  size BIGINT,
  part_size BIGINT NOT NULL,
  received BIGINT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('uploading', 'uploaded', 'checking', 'scanning', 'clean', 'rejected', 'infected', 'aborted', 'gone')),
  sha256_sealed BYTEA,
  wrapped_dek BYTEA,
  kek_id BIGINT NOT NULL,
  type TEXT NOT NULL,
  ext TEXT NOT NULL,
  scan_sig TEXT NOT NULL,
  reason TEXT NOT NULL,
  version BIGINT NOT NULL,
  active_at BIGINT NOT NULL,
  lease_until BIGINT,
  tries BIGINT NOT NULL,
  next_try_at BIGINT
);
CREATE INDEX attach_file_work ON attach_file (state, next_try_at) WHERE state IN ('uploaded', 'checking', 'scanning');
CREATE INDEX attach_file_user ON attach_file (user_id, state);
CREATE INDEX attach_file_active ON attach_file (state, active_at);
CREATE TABLE attach_part (
  file_id TEXT COLLATE "C" NOT NULL REFERENCES attach_file (id),
  idx BIGINT NOT NULL,
  key TEXT NOT NULL,
  len BIGINT NOT NULL,
  PRIMARY KEY (file_id, idx)
);
CREATE TABLE attach_link (
  holder TEXT COLLATE "C" NOT NULL,
  id TEXT COLLATE "C" NOT NULL UNIQUE,
  file_id TEXT COLLATE "C" NOT NULL REFERENCES attach_file (id),
  name_sealed BYTEA NOT NULL,
  name_mac BYTEA NOT NULL,
  wrapped_dek BYTEA NOT NULL,
  sealed_by TEXT NOT NULL CHECK (sealed_by IN ('owner', 'thread')),
  size BIGINT NOT NULL,
  pos BIGINT NOT NULL,
  PRIMARY KEY (holder, id)
);
CREATE UNIQUE INDEX attach_link_name ON attach_link (holder, name_mac);
CREATE INDEX attach_link_file ON attach_link (file_id);
CREATE TABLE attach_trash (
  key TEXT PRIMARY KEY,
  since_at BIGINT NOT NULL
);
CREATE INDEX attach_trash_since ON attach_trash (since_at);
