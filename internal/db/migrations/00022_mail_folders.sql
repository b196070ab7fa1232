-- +goose Up
-- Where a conversation stood before it went to Trash, so that Restore puts it back there.
ALTER TABLE mail_member ADD COLUMN before_trash TEXT CHECK (before_trash IN ('inbox', 'archive'));
-- Unread conversations of the Inbox are a list of their own, paged like the others.
DROP INDEX mail_member_unread;
CREATE INDEX mail_member_unread ON mail_member (user_id, last_at, thread_id) WHERE unread AND folder = 'inbox';
-- A person's own labels. The name is private text; its MAC refuses a second label of the same name, and the slot a
-- label too many.
CREATE TABLE mail_label_name (
  user_id TEXT COLLATE "C" NOT NULL,
  id TEXT COLLATE "C" NOT NULL,
  owner_id TEXT COLLATE "C" NOT NULL,
  slot BIGINT NOT NULL CHECK (slot BETWEEN 1 AND 50),
  name_sealed BYTEA NOT NULL,
  name_mac BYTEA NOT NULL,
  colour BIGINT NOT NULL CHECK (colour BETWEEN 1 AND 8),
  PRIMARY KEY (user_id, id)
);
CREATE UNIQUE INDEX mail_label_name_slot ON mail_label_name (user_id, slot);
CREATE UNIQUE INDEX mail_label_name_mac ON mail_label_name (user_id, name_mac);
-- Which conversations wear a label. last_at is the member row's, so that a label's page is one range of its index.
CREATE TABLE mail_label (
  user_id TEXT COLLATE "C" NOT NULL,
  label TEXT COLLATE "C" NOT NULL,
  thread_id TEXT COLLATE "C" NOT NULL,
  last_at BIGINT NOT NULL,
  PRIMARY KEY (user_id, label, thread_id),
  FOREIGN KEY (user_id, label) REFERENCES mail_label_name (user_id, id) ON DELETE CASCADE
);
CREATE INDEX mail_label_page ON mail_label (user_id, label, last_at, thread_id);
CREATE INDEX mail_label_thread ON mail_label (thread_id, user_id);
