-- +goose Up
-- Between which times of day, in minutes from midnight where the person is, they
-- are not told of mail; both NULL: at any time.
ALTER TABLE mail_settings ADD COLUMN quiet_from BIGINT CHECK (quiet_from >= 0 AND quiet_from < 1440);
ALTER TABLE mail_settings ADD COLUMN quiet_until BIGINT CHECK (quiet_until >= 0 AND quiet_until < 1440);
