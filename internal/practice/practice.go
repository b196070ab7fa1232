package practice

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/clock"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/fault"
)

// Practice is a dental practice. Phone is its main phone as people write it.
type Practice struct {
	ID, Name, Phone           string
	Street, City, Region, Zip string // Region is the state
	Specialties               []string
	TwoStepDoctors            bool // two-step is fixed On for doctors and staff it invites
	TwoStepPatients           bool
	MaxRecipients             int
	AccessDays, RetentionDays int       // 0 = no end
	RetentionFrom             time.Time // before it nothing ends by retention; zero when nothing ends
	Version                   int64
}

// Product is one product a practice has. URL is empty for what is served here.
type Product struct {
	Name string
	On   bool
	URL  string
}

// SecureMail is the product served here.
const SecureMail = "securemail"

// Settings are the limits of the room.
type Settings struct {
	MaxName int // characters of a practice's name; 120
}

// Options of New.
type Options struct {
	DB       *db.DB
	Keys     *crypt.Keys
	Clock    *clock.Clock
	Audit    *audit.Service
	Settings Settings
}

// Service keeps the practices.
type Service struct{ o Options }

// New makes the service.
func New(o Options) *Service {
	if o.Settings.MaxName == 0 {
		o.Settings.MaxName = 120
	}
	return &Service{o: o}
}

// maxSpecialties bounds the list of specialties and the characters of each.
const maxSpecialties, maxSpecialty = 30, 100

// Tidy is a practice as it is stored: each text on one line, without what cannot be seen. Names stand in texts to
// phones and in subjects of e-mails, where a line end would begin something else.
func Tidy(p Practice) Practice {
	for _, v := range []*string{&p.Name, &p.Phone, &p.Street, &p.City, &p.Region, &p.Zip} {
		*v = OneLine(*v)
	}
	var list []string
	for _, v := range p.Specialties {
		if v = OneLine(v); v != "" {
			list = append(list, v)
		}
	}
	p.Specialties = list
	return p
}

// OneLine is a text on one line in NFC: runs of spaces become one, control and other invisible characters go.
func OneLine(text string) string {
	seen := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r):
			return -1
		}
		return r
	}, text)
	return strings.Join(strings.Fields(norm.NFC.String(seen)), " ")
}

// Check refuses what cannot be a practice, by the form's field names. Give it what Tidy gave.
func (s *Service) Check(p Practice) error {
	var f fault.Fields
	if p.Name == "" {
		f.Add("practice_name", "Enter the name of your practice")
	}
	for _, l := range []struct {
		field, label, value string
		most                int
	}{
		{"practice_name", "Practice name", p.Name, s.o.Settings.MaxName}, {"street", "Street", p.Street, 200}, {"city", "City", p.City, 100},
		{"state", "State", p.Region, 50}, {"zip", "ZIP", p.Zip, 20}, {"practice_phone", "Practice phone", p.Phone, 40},
	} {
		if utf8.RuneCountInString(l.value) > l.most {
			f.Add(l.field, l.label+" must be "+strconv.Itoa(l.most)+" characters or fewer")
		}
	}
	for _, v := range p.Specialties {
		if len(p.Specialties) > maxSpecialties || utf8.RuneCountInString(v) > maxSpecialty {
			f.Add("specialties", "Choose specialties from the list")
			break
		}
	}
	return f.Err()
}

// Canon is a name as it is searched and sorted: NFKC, lower case, single spaces.
func Canon(name string) string {
	return strings.Join(strings.Fields(strings.ToLower(norm.NFKC.String(name))), " ")
}

// Create makes a new practice with SecureMail and both two-step switches on, and its owner keyset, and returns its id.
func (s *Service) Create(ctx context.Context, tx *db.Tx, by actor.Actor, p Practice) (string, error) {
	p = Tidy(p)
	if err := s.Check(p); err != nil {
		return "", err
	}
	if p.ID == "" {
		p.ID = db.NewID()
	}
	p.TwoStepDoctors, p.TwoStepPatients, p.MaxRecipients = true, true, max(p.MaxRecipients, 1)
	if err := insertPractice(ctx, tx, p, clock.Micros(s.o.Clock.Now())); err != nil {
		return "", fmt.Errorf("make a practice: %w", err)
	}
	if err := putProduct(ctx, tx, p.ID, Product{Name: SecureMail, On: true}); err != nil {
		return "", fmt.Errorf("make a practice: %w", err)
	}
	if err := s.o.Keys.NewOwner(ctx, tx, p.ID); err != nil {
		return "", fmt.Errorf("make the practice's keys: %w", err)
	}
	return p.ID, s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.PracticeMade, SubjectKind: "practice", SubjectID: p.ID, PracticeID: p.ID})
}

// Edit changes a practice's information. Only Support may; for others and for an unknown practice the answer is
// NotFound. p.Version is what the form was made from: when somebody else has saved since, the answer is Conflict.
func (s *Service) Edit(ctx context.Context, by actor.Actor, p Practice) error {
	if by.Kind != actor.Staff {
		return fault.ErrNotFound()
	}
	p = Tidy(p)
	if err := s.Check(p); err != nil {
		return err
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		changed, err := updatePractice(ctx, tx, p)
		if err != nil {
			return fmt.Errorf("edit a practice: %w", err)
		}
		if !changed {
			if _, err := s.Find(ctx, tx, p.ID); err != nil {
				return err
			}
			return fault.New(fault.Conflict, "Someone else has changed this practice since you opened it. Open it again to see what they saved.")
		}
		return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.PracticeEdited, SubjectKind: "practice", SubjectID: p.ID, PracticeID: p.ID})
	})
}

// SetProduct switches a product of a practice on or off, with the https address it opens at, if it is served elsewhere.
// Only Support may.
func (s *Service) SetProduct(ctx context.Context, tx *db.Tx, by actor.Actor, practiceID string, p Product) error {
	if by.Kind != actor.Staff {
		return fault.ErrNotFound()
	}
	if p.URL != "" && !webAddress(p.URL) {
		return fault.Field("url", "Enter an address that begins with https://")
	}
	if _, err := s.Find(ctx, tx, practiceID); err != nil {
		return err
	}
	if err := putProduct(ctx, tx, practiceID, p); err != nil {
		return fmt.Errorf("set a product: %w", err)
	}
	return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.PracticeEdited, SubjectKind: "practice", SubjectID: practiceID, PracticeID: practiceID, Detail: map[string]string{"product": p.Name}})
}

// webAddress says whether a tab of the portal may lead there.
func webAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil
}

// Find reads one practice; NotFound when there is none.
func (s *Service) Find(ctx context.Context, r db.Reader, id string) (Practice, error) {
	all, err := s.Many(ctx, r, []string{id})
	if err != nil {
		return Practice{}, err
	}
	p, ok := all[id]
	if !ok {
		return Practice{}, fault.ErrNotFound()
	}
	return p, nil
}

// Many reads practices by id, in one statement.
func (s *Service) Many(ctx context.Context, r db.Reader, ids []string) (map[string]Practice, error) {
	all := map[string]Practice{}
	if len(ids) == 0 {
		return all, nil
	}
	list, err := listPractices(ctx, r, ids)
	if err != nil {
		return nil, fmt.Errorf("read practices: %w", err)
	}
	for _, p := range list {
		all[p.ID] = p
	}
	return all, nil
}

// Products lists what a practice has, switched on or not.
func (s *Service) Products(ctx context.Context, r db.Reader, id string) ([]Product, error) {
	all, err := listProducts(ctx, r, id)
	if err != nil {
		return nil, fmt.Errorf("read products: %w", err)
	}
	return all, nil
}
