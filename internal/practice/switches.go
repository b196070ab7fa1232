package practice

import (
	"context"
	"fmt"
	"strconv"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/db"
	"securepractice/internal/fault"
)

// Group is whom a two-step switch rules: people the practice invites.
type Group string

// The two groups.
const (
	Doctors  Group = "doctors" // doctors and staff
	Patients Group = "patients"
)

// SetTwoStep switches two-step verification on or off for the registration of those the actor's practice invites, with
// the caller's act. Flows already begun and registered people stay as they are. Only a User Manager may; NotFound for
// others. The same switch again changes nothing.
func (s *Service) SetTwoStep(ctx context.Context, tx *db.Tx, by actor.Actor, g Group, on bool) error {
	if by.Kind != actor.User || !by.Manager || by.PracticeID == "" || g != Doctors && g != Patients {
		return fault.ErrNotFound()
	}
	changed, err := updateTwoStep(ctx, tx, by.PracticeID, g, on)
	if err != nil {
		return fmt.Errorf("switch two-step: %w", err)
	}
	if !changed {
		return nil
	}
	return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.PracticeEdited, SubjectKind: "practice", SubjectID: by.PracticeID, PracticeID: by.PracticeID,
		Detail: map[string]string{"two_step": string(g), "on": strconv.FormatBool(on)}})
}
