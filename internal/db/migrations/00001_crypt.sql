-- +goose Up
-- Keys: the root row opens the key-encryption keyset; owners' keysets are wrapped by it.
CREATE TABLE crypt_root (
  id BIGINT PRIMARY KEY CHECK (id = 1),
  kek_keyset_sealed BYTEA NOT NULL,
  mac_seed_sealed BYTEA NOT NULL,
  version BIGINT NOT NULL
);
CREATE TABLE crypt_owner (
  owner_id TEXT COLLATE "C" PRIMARY KEY,
  keyset_sealed BYTEA NOT NULL,
  kek_id BIGINT NOT NULL,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  destroyed_at BIGINT
);
