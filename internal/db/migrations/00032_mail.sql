-- +goose Up
-- What waits for a registration is looked for every hour, among all that was ever claimed.
CREATE INDEX mail_pending_waiting ON mail_pending (message_id, thread_id) WHERE state = 'waiting';
