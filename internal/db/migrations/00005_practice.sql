-- +goose Up
CREATE TABLE practice_practice (
  id TEXT COLLATE "C" PRIMARY KEY,
  name TEXT NOT NULL,
  name_canon TEXT NOT NULL,
  phone TEXT NOT NULL,
  street TEXT NOT NULL,
  city TEXT NOT NULL,
  region TEXT NOT NULL,
  zip TEXT NOT NULL,
  specialties TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('active', 'closed')),
  retention_days BIGINT,
  access_days BIGINT,
  two_step_doctors BOOLEAN NOT NULL,
  two_step_patients BOOLEAN NOT NULL,
  max_recipients BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  version BIGINT NOT NULL
);
CREATE INDEX practice_practice_name ON practice_practice (name_canon, id);
CREATE TABLE practice_product (
  practice_id TEXT COLLATE "C" NOT NULL REFERENCES practice_practice (id),
  product TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('on', 'off')),
  url TEXT NOT NULL,
  PRIMARY KEY (practice_id, product)
);
