-- +goose Up
-- Search over sealed mail. A person's messages are numbered as they are indexed
-- (mail_delivery.n); numbers are never given twice. base_n is the first number in
-- force, clean_n the first one that a rebuild has not taken back yet.
CREATE TABLE mail_box (
  user_id TEXT COLLATE "C" PRIMARY KEY,
  next_n BIGINT NOT NULL,
  base_n BIGINT NOT NULL,
  clean_n BIGINT NOT NULL,
  searched_at BIGINT NOT NULL,
  version BIGINT NOT NULL
);
CREATE TABLE mail_search (
  user_id TEXT COLLATE "C" NOT NULL,
  seg TEXT COLLATE "C" NOT NULL,
  owner_id TEXT COLLATE "C" NOT NULL,
  from_n BIGINT NOT NULL,
  count BIGINT NOT NULL,
  dict_sealed BYTEA NOT NULL,
  PRIMARY KEY (user_id, seg)
);
CREATE TABLE mail_search_block (
  user_id TEXT COLLATE "C" NOT NULL,
  seg TEXT COLLATE "C" NOT NULL,
  no BIGINT NOT NULL,
  postings_sealed BYTEA NOT NULL,
  PRIMARY KEY (user_id, seg, no)
);
