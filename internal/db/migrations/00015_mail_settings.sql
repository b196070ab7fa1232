-- +goose Up
-- How a person signs and is told of mail. hourly_at is when the next collected
-- notice leaves, for what arrives from hourly_from on.
CREATE TABLE mail_settings (
  user_id TEXT COLLATE "C" PRIMARY KEY,
  owner_id TEXT COLLATE "C" NOT NULL,
  signature_sealed BYTEA NOT NULL,
  notice_new TEXT NOT NULL CHECK (notice_new IN ('email', 'text', 'both', 'none')),
  notice_pace TEXT NOT NULL CHECK (notice_pace IN ('once', 'hourly')),
  notice_read TEXT NOT NULL CHECK (notice_read IN ('email', 'none')),
  hourly_from BIGINT,
  hourly_at BIGINT,
  version BIGINT NOT NULL
);
CREATE INDEX mail_settings_hourly ON mail_settings (hourly_at) WHERE hourly_at IS NOT NULL;
-- When a message's author was told that it was read: once a message.
ALTER TABLE mail_message ADD COLUMN read_told_at BIGINT;
