-- +goose Up
-- Whether the last text or call to a number arrived, before another one is paid for.
CREATE INDEX notify_message_to ON notify_message (to_mac, queued_at);
