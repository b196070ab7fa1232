package account

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/practice"
	"securepractice/internal/ui"
)

// Profile is what people change of themselves.
type Profile struct {
	First, Last, Zone, ADA string
	Specialties            []string
	Look                   actor.Look
	Version                int64 // of the account the form was shown with
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

// SaveProfile changes the actor's own profile. Conflict when it was changed since the form was shown.
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
	if !knownTheme(p.Look.Theme) {
		f.Add("theme", "Select a theme")
	}
	if err := f.Err(); err != nil {
		return err
	}
	p.ADA, p.Specialties = ada, KnownSpecialties(p.Specialties)
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		ok, err := updateProfile(ctx, tx, by.ID, p)
		if err != nil {
			return fmt.Errorf("save a profile: %w", err)
		}
		if !ok {
			return fault.New(fault.Conflict, "Your profile was changed in another window. Nothing you typed is lost: check it and select Save again.")
		}
		return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.ProfileChanged, SubjectKind: "user", SubjectID: by.ID, PracticeID: by.PracticeID})
	})
}

// themes are the choices of a theme.
func themes() []ui.Option {
	return []ui.Option{{Value: "", Label: "Same as my device"}, {Value: "light", Label: "Light"}, {Value: "dark", Label: "Dark"}}
}

func knownTheme(theme string) bool {
	return slices.ContainsFunc(themes(), func(o ui.Option) bool { return o.Value == theme })
}

// differences names what is stored otherwise than it was typed, one sentence a field, for somebody who must choose.
func differences(stored User, look actor.Look, typed Profile) (f fault.Fields) {
	for _, d := range []struct{ field, stored, typed string }{
		{"first_name", stored.First, typed.First}, {"last_name", stored.Last, typed.Last}, {"time_zone", stored.Zone, typed.Zone}, {"ada_number", stored.ADA, typed.ADA},
		{"specialties", strings.Join(stored.Specialties, ", "), strings.Join(typed.Specialties, ", ")}, {"theme", themeLabel(look.Theme), themeLabel(typed.Look.Theme)},
		{"compact_lists", onOff(look.Compact), onOff(typed.Look.Compact)}, {"shortcuts", onOff(!look.NoShortcuts), onOff(!typed.Look.NoShortcuts)},
	} {
		if d.stored == d.typed {
			continue
		}
		if d.stored == "" {
			d.stored = "nothing"
		}
		f.Add(d.field, "Saved in the other window: "+d.stored)
	}
	return f
}

func themeLabel(theme string) string {
	for _, o := range themes() {
		if o.Value == theme {
			return o.Label
		}
	}
	return theme
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
