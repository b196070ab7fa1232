-- +goose Up
-- Until when its recipient can open a message; NULL has no end. It is settled when the message is given to them.
-- end_told_at is when they were told that it ends, once a message.
ALTER TABLE mail_delivery ADD COLUMN access_until BIGINT;
ALTER TABLE mail_delivery ADD COLUMN end_told_at BIGINT;
CREATE INDEX mail_delivery_ends ON mail_delivery (access_until) WHERE role = 'to' AND access_until IS NOT NULL AND opened_at IS NULL AND end_told_at IS NULL;
-- A member row's access_until is when the last of its messages ends for its person, its snippet_until when the one does
-- whose beginning it shows; NULL has no end.
ALTER TABLE mail_member ADD COLUMN snippet_until BIGINT;
-- The conversations that an owner keeps.
CREATE INDEX mail_thread_key_owner ON mail_thread_key (owner_id, thread_id);
