-- +goose Up
-- When the invited person last said that a number is not theirs; empty again once it is corrected.
ALTER TABLE invite_invitation ADD COLUMN wrong_number_at BIGINT;
-- From an invitation to the one whose address it corrected.
CREATE INDEX invite_invitation_replaced ON invite_invitation (replaced_by) WHERE replaced_by IS NOT NULL;
