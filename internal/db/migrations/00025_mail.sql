-- +goose Up
-- Who took a conversation, or one message of it, out of the portal. seal_hash is the SHA-256 of the ids of the messages
-- that were in it, in their order.
CREATE TABLE mail_print (
  id TEXT COLLATE "C" PRIMARY KEY,
  thread_id TEXT COLLATE "C" NOT NULL,
  message_id TEXT COLLATE "C",
  user_id TEXT COLLATE "C" NOT NULL,
  at BIGINT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('print', 'pdf', 'export')),
  messages BIGINT NOT NULL,
  seal_hash BYTEA NOT NULL
);
CREATE INDEX mail_print_thread ON mail_print (thread_id, at);
