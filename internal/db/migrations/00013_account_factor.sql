-- +goose Up
-- What a person proves themselves with beside the password. counter is the time step of an authenticator app's last
-- code, or a passkey's count of signatures; secret_sealed is the app's secret or the passkey's record, sealed by the
-- keys of owner_id ('' = the program's own).
CREATE TABLE account_factor (
  user_id TEXT COLLATE "C" NOT NULL REFERENCES account_user (id),
  id TEXT COLLATE "C" NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('totp', 'passkey', 'recovery')),
  name TEXT NOT NULL,
  owner_id TEXT COLLATE "C" NOT NULL,
  secret_sealed BYTEA,
  credential_hash BYTEA,
  code_mac BYTEA,
  counter BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  used_at BIGINT,
  PRIMARY KEY (user_id, id),
  CHECK (kind <> 'totp' OR secret_sealed IS NOT NULL),
  CHECK (kind <> 'passkey' OR secret_sealed IS NOT NULL AND credential_hash IS NOT NULL),
  CHECK (kind <> 'recovery' OR code_mac IS NOT NULL)
);
CREATE UNIQUE INDEX account_factor_app ON account_factor (user_id) WHERE kind = 'totp';
CREATE UNIQUE INDEX account_factor_credential ON account_factor (credential_hash) WHERE credential_hash IS NOT NULL;
CREATE UNIQUE INDEX account_factor_code ON account_factor (user_id, code_mac) WHERE code_mac IS NOT NULL;
-- What a browser was asked to answer, until it does: a passkey's challenge, or the secret of an app that is being set up.
CREATE TABLE account_ceremony (
  browser_mac BYTEA NOT NULL,
  kind TEXT NOT NULL,
  user_id TEXT COLLATE "C" NOT NULL,
  data_sealed BYTEA NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (browser_mac, kind)
);
CREATE INDEX account_ceremony_expires ON account_ceremony (expires_at);
-- Browsers that have done the second step, and whose.
CREATE TABLE account_device (
  token_hash BYTEA NOT NULL,
  user_id TEXT COLLATE "C" NOT NULL REFERENCES account_user (id),
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (token_hash, user_id)
);
CREATE INDEX account_device_user ON account_device (user_id);
CREATE INDEX account_device_expires ON account_device (expires_at);
-- When the password was last entered again in this session.
ALTER TABLE account_session ADD COLUMN confirmed_at BIGINT;
