-- +goose Up
-- How a person wants the pages to look, and whether single letters are shortcuts.
ALTER TABLE account_user ADD COLUMN theme TEXT NOT NULL DEFAULT 'system' CHECK (theme IN ('system', 'light', 'dark'));
ALTER TABLE account_user ADD COLUMN compact_lists BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE account_user ADD COLUMN shortcuts BOOLEAN NOT NULL DEFAULT TRUE;
-- Changes of a person's address, each of which the holder of the old one can undo for some days.
CREATE TABLE account_email_change (
  id TEXT COLLATE "C" PRIMARY KEY,
  user_id TEXT COLLATE "C" NOT NULL REFERENCES account_user (id),
  old_email TEXT NOT NULL,
  old_canon TEXT NOT NULL,
  new_email TEXT NOT NULL,
  changed_at BIGINT NOT NULL,
  undone_at BIGINT
);
CREATE INDEX account_email_change_user ON account_email_change (user_id, changed_at);
