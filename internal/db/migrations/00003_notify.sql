-- +goose Up
-- Every e-mail, text and call that was asked for, with its result; and the demo's stand-in for a mail reader and a phone.
CREATE TABLE notify_message (
  id TEXT COLLATE "C" PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('email', 'text', 'call')),
  to_sealed BYTEA,
  to_mac BYTEA NOT NULL,
  template TEXT NOT NULL,
  params_sealed BYTEA,
  message_id TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('queued', 'sent', 'bounced', 'failed', 'dropped')),
  tries BIGINT NOT NULL,
  provider_id TEXT,
  user_id TEXT COLLATE "C",
  invitation_id TEXT COLLATE "C",
  practice_id TEXT COLLATE "C",
  queued_at BIGINT NOT NULL,
  done_at BIGINT
);
CREATE INDEX notify_message_user ON notify_message (user_id, queued_at);
CREATE INDEX notify_message_invitation ON notify_message (invitation_id, queued_at);
CREATE INDEX notify_message_provider ON notify_message (provider_id);
CREATE TABLE notify_outbox (
  id TEXT COLLATE "C" PRIMARY KEY,
  kind TEXT NOT NULL,
  to_text TEXT NOT NULL,
  subject TEXT NOT NULL,
  body TEXT NOT NULL,
  links TEXT NOT NULL,
  code TEXT NOT NULL,
  at BIGINT NOT NULL
);
CREATE INDEX notify_outbox_at ON notify_outbox (at, id);
