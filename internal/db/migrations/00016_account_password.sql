-- +goose Up
-- The reminder last sent that a password expires: of which password, and how many days before. One row a person.
CREATE TABLE account_reminder (
  user_id TEXT COLLATE "C" PRIMARY KEY REFERENCES account_user (id),
  password_at BIGINT NOT NULL,
  days BIGINT NOT NULL
);
-- The lock that opens by itself: how many in a row, and until when.
CREATE TABLE account_lock (
  user_id TEXT COLLATE "C" PRIMARY KEY REFERENCES account_user (id),
  times BIGINT NOT NULL,
  until_at BIGINT NOT NULL
);
-- Every text of the Terms of Use that was ever in force, by version and the SHA-256 of the text, and since when.
CREATE TABLE account_terms_text (
  version TEXT NOT NULL,
  digest TEXT NOT NULL,
  text TEXT NOT NULL,
  from_at BIGINT NOT NULL,
  PRIMARY KEY (version, digest)
);
CREATE INDEX account_user_password ON account_user (password_at, id);
