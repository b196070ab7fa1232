-- +goose Up
-- What can be seen of a clean file without fetching it. Each clean file has a row; due_at is when it is next to be worked on:
-- wanted, from when; making, when whoever makes it is taken for dead.
CREATE TABLE attach_preview (
  file_id TEXT COLLATE "C" PRIMARY KEY REFERENCES attach_file (id),
  state TEXT NOT NULL CHECK (state IN ('none', 'wanted', 'making', 'ready', 'failed')),
  reason TEXT NOT NULL,
  thumbs BIGINT NOT NULL,
  pages BIGINT NOT NULL,
  raws BIGINT NOT NULL,
  infos BIGINT NOT NULL,
  tries BIGINT NOT NULL,
  version BIGINT NOT NULL,
  due_at BIGINT
);
CREATE INDEX attach_preview_due ON attach_preview (due_at) WHERE state IN ('wanted', 'making');
CREATE TABLE attach_preview_page (
  file_id TEXT COLLATE "C" NOT NULL REFERENCES attach_file (id),
  kind TEXT NOT NULL CHECK (kind IN ('thumb', 'page', 'raw', 'info')),
  n BIGINT NOT NULL,
  type TEXT NOT NULL,
  width BIGINT NOT NULL,
  height BIGINT NOT NULL,
  len BIGINT NOT NULL,
  key TEXT NOT NULL,
  PRIMARY KEY (file_id, kind, n)
);
-- Files that were clean before there were previews get theirs.
INSERT INTO attach_preview (file_id, state, reason, thumbs, pages, raws, infos, tries, version, due_at)
SELECT id, 'wanted', '', 0, 0, 0, 0, 0, 1, 0
FROM attach_file
WHERE state = 'clean';
