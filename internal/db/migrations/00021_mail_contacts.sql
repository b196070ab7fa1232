-- +goose Up
-- A contact need not be a person here any more: what somebody imported is a name and an address of their own, both sealed,
-- told apart by the keyed hash of the address. It says nothing of whether the address has an account.
CREATE TABLE mail_contact_kept (
  user_id TEXT COLLATE "C" NOT NULL,
  id TEXT COLLATE "C" NOT NULL,
  contact_user_id TEXT COLLATE "C",
  name_sealed BYTEA NOT NULL,
  email_sealed BYTEA,
  email_mac BYTEA,
  favourite BOOLEAN NOT NULL,
  hidden BOOLEAN NOT NULL,
  used_at BIGINT NOT NULL,
  PRIMARY KEY (user_id, id),
  CHECK (contact_user_id IS NOT NULL OR email_sealed IS NOT NULL AND email_mac IS NOT NULL)
);
INSERT INTO mail_contact_kept (user_id, id, contact_user_id, name_sealed, favourite, hidden, used_at)
SELECT user_id, id, contact_user_id, name_sealed, favourite, hidden, used_at FROM mail_contact;
DROP TABLE mail_contact;
ALTER TABLE mail_contact_kept RENAME TO mail_contact;
CREATE UNIQUE INDEX mail_contact_person ON mail_contact (user_id, contact_user_id);
CREATE UNIQUE INDEX mail_contact_email ON mail_contact (user_id, email_mac);
-- What somebody is about to import, sealed, between its preview and their word; one a person.
CREATE TABLE mail_contact_import (
  user_id TEXT COLLATE "C" PRIMARY KEY,
  id TEXT COLLATE "C" NOT NULL,
  rows_sealed BYTEA NOT NULL,
  made_at BIGINT NOT NULL
);
CREATE INDEX mail_contact_import_made ON mail_contact_import (made_at);
