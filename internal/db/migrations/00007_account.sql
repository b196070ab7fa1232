-- +goose Up
CREATE TABLE account_user (
  id TEXT COLLATE "C" PRIMARY KEY,
  email TEXT NOT NULL,
  email_canon TEXT NOT NULL UNIQUE,
  role TEXT NOT NULL CHECK (role IN ('doctor', 'staff', 'patient', 'support')),
  practice_id TEXT COLLATE "C" REFERENCES practice_practice (id),
  owner_id TEXT COLLATE "C" NOT NULL,
  is_manager BOOLEAN NOT NULL,
  tier TEXT NOT NULL CHECK (tier IN ('free', 'paid')),
  tier_until BIGINT,
  first_name TEXT NOT NULL,
  last_name TEXT NOT NULL,
  name_canon TEXT NOT NULL,
  phone TEXT NOT NULL,
  cell TEXT NOT NULL,
  zone TEXT NOT NULL,
  ada_number TEXT NOT NULL,
  specialties TEXT NOT NULL,
  two_step BOOLEAN NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('active', 'locked', 'deactivated')),
  wrong_tries BIGINT NOT NULL,
  password_hash TEXT,
  password_at BIGINT,
  created_at BIGINT NOT NULL,
  version BIGINT NOT NULL,
  CHECK (role IN ('doctor', 'staff') OR practice_id IS NULL),
  CHECK (role <> 'patient' OR tier = 'free')
);
CREATE INDEX account_user_practice ON account_user (practice_id, name_canon, id);
CREATE INDEX account_user_name ON account_user (name_canon, id);
CREATE INDEX account_user_phone ON account_user (phone);
CREATE INDEX account_user_cell ON account_user (cell);
CREATE TABLE account_password (
  user_id TEXT COLLATE "C" NOT NULL REFERENCES account_user (id),
  at BIGINT NOT NULL,
  hash TEXT NOT NULL,
  PRIMARY KEY (user_id, at)
);
CREATE TABLE account_session (
  token_hash BYTEA PRIMARY KEY,
  id TEXT COLLATE "C" NOT NULL UNIQUE,
  user_id TEXT COLLATE "C" NOT NULL REFERENCES account_user (id),
  created_at BIGINT NOT NULL,
  seen_at BIGINT NOT NULL,
  second_at BIGINT,
  ip TEXT NOT NULL,
  agent TEXT NOT NULL,
  place TEXT NOT NULL
);
CREATE INDEX account_session_user ON account_session (user_id, seen_at);
CREATE INDEX account_session_seen ON account_session (seen_at);
CREATE TABLE account_terms (
  user_id TEXT COLLATE "C" NOT NULL REFERENCES account_user (id),
  version TEXT NOT NULL,
  accepted_at BIGINT NOT NULL,
  ip TEXT NOT NULL,
  PRIMARY KEY (user_id, version)
);
CREATE TABLE account_owner (
  user_id TEXT COLLATE "C" NOT NULL REFERENCES account_user (id),
  owner_id TEXT COLLATE "C" NOT NULL,
  from_at BIGINT NOT NULL,
  until_at BIGINT,
  PRIMARY KEY (user_id, owner_id)
);
