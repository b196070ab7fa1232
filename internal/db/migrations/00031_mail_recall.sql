-- +goose Up
-- When a message was withdrawn by its author. withdrawn marks the row of a person to whom nothing of a thread is left.
ALTER TABLE mail_message ADD COLUMN recalled_at BIGINT;
ALTER TABLE mail_member ADD COLUMN withdrawn BOOLEAN NOT NULL DEFAULT FALSE;
