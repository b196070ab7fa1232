package account

import (
	"context"
	"strconv"
	"strings"
	"unicode/utf8"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/practice"
)

// Profile is what people change of themselves.
type Profile struct {
	First, Last, Zone, ADA string
	Specialties            []string
}

// ADAWrong and the like are what forms say of a person's fields.
const (
	FirstMissing = "Enter your first name"
	LastMissing  = "Enter your last name"
	ZoneMissing  = "Select your time zone"
)

// CheckName refuses names that are empty or too long, at the form's fields.
func (s *Service) CheckName(f *fault.Fields, first, last string) {
	for _, n := range []struct{ field, label, value, missing string }{{"first_name", "First name", first, FirstMissing}, {"last_name", "Last name", last, LastMissing}} {
		switch {
		case n.value == "":
			f.Add(n.field, n.missing)
		case utf8.RuneCountInString(n.value) > s.set.MaxName:
			f.Add(n.field, n.label+" must be "+strconv.Itoa(s.set.MaxName)+" characters or fewer")
		}
	}
}

// TidyADA drops what people put between the digits of an ADA number; ok is false when it is none.
func TidyADA(s string) (ada string, ok bool) {
	ada = strings.NewReplacer(" ", "", "-", "").Replace(s)
	if ada == "" {
		return "", true
	}
	_, err := strconv.ParseUint(ada, 10, 32)
	return ada, err == nil && len(ada) == 9
}

// SaveProfile changes the actor's own profile.
func (s *Service) SaveProfile(ctx context.Context, by actor.Actor, p Profile) error {
	if by.Role == actor.Patient {
		p.ADA, p.Specialties = "", nil
	}
	p.First, p.Last = practice.OneLine(p.First), practice.OneLine(p.Last)
	var f fault.Fields
	s.CheckName(&f, p.First, p.Last)
	if !KnownZone(p.Zone) {
		f.Add("time_zone", ZoneMissing)
	}
	ada, ok := TidyADA(p.ADA)
	if !ok {
		f.Add("ada_number", "ADA number must be 9 numbers")
	}
	if err := f.Err(); err != nil {
		return err
	}
	p.ADA, p.Specialties = ada, KnownSpecialties(p.Specialties)
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if err := s.mustChange(updateProfile(ctx, tx, by.ID, p)); err != nil {
			return err
		}
		return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.ProfileChanged, SubjectKind: "user", SubjectID: by.ID})
	})
}
