-- +goose Up
CREATE TABLE mail_thread (
  id TEXT COLLATE "C" PRIMARY KEY,
  subject_sealed BYTEA NOT NULL,
  started_by TEXT COLLATE "C" NOT NULL,
  last_at BIGINT NOT NULL,
  messages BIGINT NOT NULL,
  version BIGINT NOT NULL
);
CREATE TABLE mail_thread_key (
  thread_id TEXT COLLATE "C" NOT NULL REFERENCES mail_thread (id),
  owner_id TEXT COLLATE "C" NOT NULL,
  wrapped_key BYTEA NOT NULL,
  keep_until BIGINT,
  PRIMARY KEY (thread_id, owner_id)
);
CREATE TABLE mail_message (
  thread_id TEXT COLLATE "C" NOT NULL REFERENCES mail_thread (id),
  id TEXT COLLATE "C" NOT NULL,
  author_id TEXT COLLATE "C" NOT NULL,
  author_owner_id TEXT COLLATE "C" NOT NULL,
  body_sealed BYTEA NOT NULL,
  files BIGINT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'recalled', 'stopped')),
  leaves_at BIGINT,
  written_at BIGINT NOT NULL,
  delivered_at BIGINT,
  forwarded_from TEXT COLLATE "C",
  PRIMARY KEY (thread_id, id)
);
CREATE UNIQUE INDEX mail_message_author ON mail_message (author_id, id);
CREATE INDEX mail_message_sent ON mail_message (author_id, written_at, id);
CREATE INDEX mail_message_leaves ON mail_message (leaves_at) WHERE state = 'waiting';
CREATE TABLE mail_delivery (
  user_id TEXT COLLATE "C" NOT NULL,
  message_id TEXT COLLATE "C" NOT NULL,
  thread_id TEXT COLLATE "C" NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('from', 'to')),
  delivered_at BIGINT,
  opened_at BIGINT,
  reminded_at BIGINT,
  n BIGINT,
  PRIMARY KEY (user_id, message_id)
);
CREATE UNIQUE INDEX mail_delivery_n ON mail_delivery (user_id, n);
CREATE INDEX mail_delivery_message ON mail_delivery (message_id);
CREATE INDEX mail_delivery_unindexed ON mail_delivery (user_id) WHERE n IS NULL;
CREATE INDEX mail_delivery_unopened ON mail_delivery (delivered_at) WHERE opened_at IS NULL AND role = 'to';
CREATE TABLE mail_pending (
  invitation_id TEXT COLLATE "C" NOT NULL,
  message_id TEXT COLLATE "C" NOT NULL,
  thread_id TEXT COLLATE "C" NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('waiting', 'claimed', 'undeliverable')),
  PRIMARY KEY (invitation_id, message_id)
);
CREATE INDEX mail_pending_message ON mail_pending (message_id);
CREATE TABLE mail_member (
  user_id TEXT COLLATE "C" NOT NULL,
  thread_id TEXT COLLATE "C" NOT NULL REFERENCES mail_thread (id),
  owner_id TEXT COLLATE "C" NOT NULL,
  as_role TEXT NOT NULL,
  folder TEXT NOT NULL CHECK (folder IN ('inbox', 'archive', 'trash', 'none')),
  unread BOOLEAN NOT NULL,
  last_at BIGINT NOT NULL,
  last_from_id TEXT COLLATE "C" NOT NULL,
  last_from_name_sealed BYTEA NOT NULL,
  subject_sealed BYTEA NOT NULL,
  snippet_sealed BYTEA NOT NULL,
  files BIGINT NOT NULL,
  messages BIGINT NOT NULL,
  viewed_at BIGINT,
  viewed_session TEXT COLLATE "C",
  access_until BIGINT,
  PRIMARY KEY (user_id, thread_id)
);
CREATE INDEX mail_member_folder ON mail_member (user_id, folder, last_at, thread_id);
CREATE INDEX mail_member_unread ON mail_member (user_id, last_at) WHERE unread AND folder = 'inbox';
CREATE INDEX mail_member_thread ON mail_member (thread_id, user_id);
CREATE TABLE mail_draft (
  id TEXT COLLATE "C" PRIMARY KEY,
  author_id TEXT COLLATE "C" NOT NULL,
  owner_id TEXT COLLATE "C" NOT NULL,
  thread_id TEXT COLLATE "C",
  to_sealed BYTEA NOT NULL,
  subject_sealed BYTEA NOT NULL,
  body_sealed BYTEA NOT NULL,
  version BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX mail_draft_author ON mail_draft (author_id, updated_at, id);
CREATE INDEX mail_draft_reply ON mail_draft (author_id, thread_id);
CREATE TABLE mail_contact (
  user_id TEXT COLLATE "C" NOT NULL,
  id TEXT COLLATE "C" NOT NULL,
  contact_user_id TEXT COLLATE "C" NOT NULL,
  name_sealed BYTEA NOT NULL,
  favourite BOOLEAN NOT NULL,
  hidden BOOLEAN NOT NULL,
  used_at BIGINT NOT NULL,
  PRIMARY KEY (user_id, id)
);
CREATE UNIQUE INDEX mail_contact_person ON mail_contact (user_id, contact_user_id);
