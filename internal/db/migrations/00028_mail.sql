-- +goose Up
-- Between which times of their day a person wants no notices of new messages, in minutes after midnight in their time
-- zone; both or none. What falls in between is collected, and hourly_at says when it is looked at again.
ALTER TABLE mail_settings ADD COLUMN quiet_from BIGINT CHECK (quiet_from BETWEEN 0 AND 1439);
ALTER TABLE mail_settings ADD COLUMN quiet_to BIGINT CHECK (quiet_to BETWEEN 0 AND 1439 AND quiet_to <> quiet_from);
