-- +goose Up
-- No conversation ends by a practice's retention before this instant, a month behind the day on which it was made shorter.
ALTER TABLE practice_practice ADD COLUMN retention_from BIGINT;
-- When its User Managers were last told of conversations that are about to end.
ALTER TABLE practice_practice ADD COLUMN retention_told_at BIGINT;
