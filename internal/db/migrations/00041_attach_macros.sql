-- +goose Up
-- macros says that an Office program may run what is in the file.
ALTER TABLE attach_file ADD COLUMN macros BOOLEAN NOT NULL DEFAULT FALSE;
