-- +goose Up
-- What a message passes on: written with the draft and kept under its id, which becomes the message's. It outlives the
-- draft, so that a draft that is brought back still counts as forwarded. patient says that the text came from a patient.
CREATE TABLE mail_forward (
  id TEXT COLLATE "C" PRIMARY KEY,
  user_id TEXT COLLATE "C" NOT NULL,
  from_thread_id TEXT COLLATE "C" NOT NULL,
  from_message_id TEXT COLLATE "C" NOT NULL,
  from_author_id TEXT COLLATE "C" NOT NULL,
  from_at BIGINT NOT NULL,
  patient BOOLEAN NOT NULL
);
-- A practice's ready texts, sealed by its owner.
CREATE TABLE mail_template (
  practice_id TEXT COLLATE "C" NOT NULL,
  id TEXT COLLATE "C" NOT NULL,
  title_sealed BYTEA NOT NULL,
  body_sealed BYTEA NOT NULL,
  version BIGINT NOT NULL,
  updated_by TEXT COLLATE "C" NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (practice_id, id)
);
