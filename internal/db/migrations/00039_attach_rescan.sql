-- +goose Up
-- scanned_at is when a scanner looked at the file last, threat what it called what it found.
ALTER TABLE attach_file ADD COLUMN scanned_at BIGINT;
ALTER TABLE attach_file ADD COLUMN threat TEXT NOT NULL DEFAULT '';
UPDATE attach_file SET scanned_at = active_at WHERE state IN ('clean', 'infected');
CREATE INDEX attach_file_scanned ON attach_file (scanned_at) WHERE state = 'clean';
CREATE INDEX attach_file_infected ON attach_file (scanned_at) WHERE state = 'infected';
