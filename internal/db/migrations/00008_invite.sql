-- +goose Up
-- An invitation belongs to the practice that made it. It is not an account; it becomes one when the password is set.
CREATE TABLE invite_invitation (
  id TEXT COLLATE "C" PRIMARY KEY,
  practice_id TEXT COLLATE "C" NOT NULL REFERENCES practice_practice (id),
  inviter_id TEXT COLLATE "C" NOT NULL REFERENCES account_user (id),
  by_support BOOLEAN NOT NULL,
  is_manager BOOLEAN NOT NULL,
  email TEXT NOT NULL,
  email_canon TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('doctor_in', 'staff_in', 'doctor_out', 'staff_out', 'patient')),
  first_name TEXT NOT NULL,
  last_name TEXT NOT NULL,
  phone TEXT NOT NULL,
  cell TEXT NOT NULL,
  tier TEXT NOT NULL CHECK (tier IN ('free', 'paid')),
  registration_sealed BYTEA,
  two_step BOOLEAN NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('invited', 'started', 'held', 'accepted', 'replaced', 'withdrawn')),
  replaced_by TEXT COLLATE "C",
  accepted_by TEXT COLLATE "C",
  created_at BIGINT NOT NULL,
  sent_at BIGINT,
  version BIGINT NOT NULL
);
CREATE UNIQUE INDEX invite_invitation_open ON invite_invitation (practice_id, email_canon) WHERE state IN ('invited', 'started', 'held');
CREATE INDEX invite_invitation_email ON invite_invitation (email_canon, state);
CREATE INDEX invite_invitation_practice ON invite_invitation (practice_id, created_at, id);
CREATE INDEX invite_invitation_inviter ON invite_invitation (inviter_id);
CREATE INDEX invite_invitation_accepted ON invite_invitation (accepted_by, state);
