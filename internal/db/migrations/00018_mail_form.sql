-- +goose Up
-- A form to several recipients may become several messages: form_id names the first of them, whose id is the form's own.
ALTER TABLE mail_message ADD COLUMN form_id TEXT COLLATE "C";
CREATE INDEX mail_message_form ON mail_message (author_id, form_id) WHERE form_id IS NOT NULL;
-- A conversation of several looks up whom it still waits for.
CREATE INDEX mail_pending_thread ON mail_pending (thread_id) WHERE state = 'waiting';
