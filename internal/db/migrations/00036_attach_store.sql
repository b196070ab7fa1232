-- +goose Up
-- What a practice has stored is counted in one range of this index.
CREATE INDEX attach_file_usage ON attach_file (owner_id, state, size);
-- When the writer of a draft was told that its files will be removed, and when they were; NULL: never.
ALTER TABLE attach_holder ADD COLUMN warned_at BIGINT;
ALTER TABLE attach_holder ADD COLUMN expired_at BIGINT;
-- Drafts that nobody has touched for long are found in one range of this index.
CREATE INDEX mail_draft_idle ON mail_draft (updated_at, id, author_id);
