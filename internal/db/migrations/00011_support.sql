-- +goose Up
-- What Support did, once for each form, and why. The reason is text, which the trail does not take. Insert-only.
CREATE TABLE support_change (
  id TEXT COLLATE "C" PRIMARY KEY,
  kind TEXT NOT NULL,
  subject_id TEXT COLLATE "C" NOT NULL,
  asked_by TEXT COLLATE "C" NOT NULL REFERENCES account_user (id),
  reason TEXT NOT NULL,
  at BIGINT NOT NULL
);
CREATE INDEX support_change_subject ON support_change (subject_id, at);
