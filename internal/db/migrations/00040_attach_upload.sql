-- +goose Up
-- An upload that can be taken up again: what a file is to become, beside its row and the parts that have arrived. The row goes
-- when the file is attached or given up. sum_sealed is the checksum of what has arrived, in a form that can be gone on with.
CREATE TABLE attach_upload (
  file_id TEXT COLLATE "C" PRIMARY KEY REFERENCES attach_file (id),
  user_id TEXT COLLATE "C" NOT NULL,
  holder TEXT COLLATE "C" NOT NULL,
  name_sealed BYTEA NOT NULL,
  name_mac BYTEA NOT NULL,
  size BIGINT NOT NULL,
  sum_sealed BYTEA NOT NULL
);
CREATE INDEX attach_upload_holder ON attach_upload (holder);
CREATE INDEX attach_upload_user ON attach_upload (user_id);
