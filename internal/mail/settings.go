package mail

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/ui"
)

// The ways a person is told of mail.
const (
	byEmail = "email"
	byText  = "text"
	byBoth  = "both"
	byNone  = "none"
	once    = "once"   // at once
	hourly  = "hourly" // at most once an hour, with how many are new
)

// Preferences are how a person signs their messages and is told of mail. Version 0 has never been saved.
type Preferences struct {
	Signature string
	New       string // email, text, both or none: when a message arrives
	Pace      string // once or hourly
	Read      string // email or none: when one's message is read
	// QuietFrom and QuietUntil are times of day such as 21:00, between which nobody is told of mail; both empty: at any time.
	QuietFrom, QuietUntil string
	Version               int64
}

func defaults() Preferences { return Preferences{New: byEmail, Pace: once, Read: byNone} }

func newOptions() []ui.Option {
	return []ui.Option{{Value: byEmail, Label: "Email"}, {Value: byText, Label: "Text"}, {Value: byBoth, Label: "Email and text"}, {Value: byNone, Label: "None"}}
}

func paceOptions() []ui.Option {
	return []ui.Option{{Value: once, Label: "At once"}, {Value: hourly, Label: "At most once an hour, with the number of new messages"}}
}

func readOptions() []ui.Option {
	return []ui.Option{{Value: byEmail, Label: "Email"}, {Value: byNone, Label: "None"}}
}

func offered(list []ui.Option, value string) bool {
	for _, o := range list {
		if o.Value == value {
			return true
		}
	}
	return false
}

// preferences are the actor's own, or the defaults.
func (s *Service) preferences(ctx context.Context, by actor.Actor) (Preferences, error) {
	row, found, err := findSettings(ctx, s.o.DB, by.ID)
	if err != nil {
		return Preferences{}, fmt.Errorf("read settings: %w", err)
	}
	if !found {
		return defaults(), nil
	}
	p := row.Preferences
	p.QuietFrom, p.QuietUntil = row.quiet.show()
	p.Signature, err = s.openSignature(ctx, row)
	return p, err
}

// signature is what stands below the actor's new messages, or "".
func (s *Service) signature(ctx context.Context, by actor.Actor) (string, error) {
	p, err := s.preferences(ctx, by)
	return p.Signature, err
}

// signed is an empty message with a signature below it.
func signed(signature string) string {
	if signature == "" {
		return ""
	}
	return "\n\n" + signature
}

// written is what a form's message holds: nothing, when it is the signature alone.
func (s *Service) written(ctx context.Context, by actor.Actor, d Draft) (string, error) {
	words := strings.Fields(d.Body)
	if len(words) == 0 {
		return d.Body, nil
	}
	signature, err := s.signature(ctx, by)
	if err == nil && slices.Equal(words, strings.Fields(signature)) { // other spaces and line ends add no word
		return "", nil
	}
	return d.Body, err
}

func (s *Service) openSignature(ctx context.Context, row settingsRow) (string, error) {
	o, err := s.o.Keys.Owner(ctx, s.o.DB, row.ownerID)
	if err != nil {
		return "", fmt.Errorf("find a person's keys: %w", err)
	}
	b, err := o.Open("mail_settings", "signature_sealed", row.userID, row.sealed)
	if err != nil {
		return "", fmt.Errorf("open a signature: %w", err)
	}
	return string(b), nil
}

// SavePreferences changes the actor's own settings. Conflict when they were changed since the form was shown.
func (s *Service) SavePreferences(ctx context.Context, by actor.Actor, p Preferences) error {
	p.Signature = strings.TrimRight(strings.TrimLeft(strings.ReplaceAll(p.Signature, "\r\n", "\n"), "\n"), " \n\t")
	hours, err := s.checkPreferences(ctx, by, p)
	if err != nil {
		return err
	}
	o, err := s.o.Keys.Owner(ctx, s.o.DB, by.OwnerID)
	if err != nil {
		return fmt.Errorf("find a person's keys: %w", err)
	}
	row := settingsRow{Preferences: p, userID: by.ID, ownerID: by.OwnerID, quiet: hours}
	if row.sealed, err = o.Seal("mail_settings", "signature_sealed", by.ID, []byte(p.Signature)); err != nil {
		return fmt.Errorf("seal a signature: %w", err)
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		put := updateSettings
		if p.Version == 0 {
			put = insertSettings
		}
		ok, err := put(ctx, tx, row)
		if err != nil {
			return fmt.Errorf("save settings: %w", err)
		}
		if !ok {
			return fault.New(fault.Conflict, "Your settings were changed in another window. Nothing you typed is lost: check it and select Save again.")
		}
		return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.ProfileChanged, SubjectKind: "user", SubjectID: by.ID, PracticeID: by.PracticeID})
	})
}

func (s *Service) checkPreferences(ctx context.Context, by actor.Actor, p Preferences) (quiet, error) {
	var f fault.Fields
	tooLong(&f, "signature", "Signature", p.Signature, s.set.MaxSignature)
	if !offered(newOptions(), p.New) {
		f.Add("notice_new", "Choose how to be told when a message arrives")
	}
	if !offered(paceOptions(), p.Pace) {
		f.Add("notice_pace", "Choose how often to be told")
	}
	if !offered(readOptions(), p.Read) {
		f.Add("notice_read", "Choose how to be told when your message is read")
	}
	if p.New == byText || p.New == byBoth {
		u, err := s.o.Account.Find(ctx, s.o.DB, by.ID)
		if err != nil {
			return quiet{}, err
		}
		if u.Cell == "" {
			f.Add("notice_new", "Add a cell phone number to your account first. Texts go to it.")
		}
	}
	hours := readQuiet(p, &f)
	return hours, f.Err()
}

// label is what a choice is called.
func label(list []ui.Option, value string) string {
	for _, o := range list {
		if o.Value == value {
			return o.Label
		}
	}
	return value
}
