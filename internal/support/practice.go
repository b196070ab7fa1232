package support

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/clock"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/practice"
	"securepractice/internal/verify"
)

// once notes an act under its form's hidden id and says whether it is the first time. It is the act's first statement:
// the same form sent at the same moment waits for it.
func (s *Service) once(ctx context.Context, tx *db.Tx, by actor.Actor, c Change) (bool, error) {
	c.By, c.At = by.ID, clock.Micros(s.o.Clock.Now())
	first, err := insertChange(ctx, tx, c)
	if err != nil {
		return false, fmt.Errorf("note a change: %w", err)
	}
	return first, nil
}

// known says whether a form's hidden id is one of ours, and not something typed.
func known(id string) bool {
	return len(id) == 36 && strings.Trim(id, "0123456789abcdef-") == ""
}

// checkPractice reads what a form says of a practice. Its phone is printed and never called by us, so an extension is
// welcome; a plain number is written the way all are.
func (s *Service) checkPractice(p practice.Practice) (practice.Practice, error) {
	p = practice.Tidy(p)
	var f fault.Fields
	if p.Name == "" {
		f.Add("practice_name", "Enter the name of the practice")
	}
	if p.Phone == "" {
		f.Add("practice_phone", "Enter the main phone of the practice")
	} else if e164, ok := s.o.Verify.ParsePhone(p.Phone); ok {
		p.Phone = verify.ShowPhone(e164)
	} else if digits(p.Phone) < 10 {
		f.Add("practice_phone", verify.PhoneFormat)
	}
	for _, e := range fault.From(s.o.Practice.Check(p)).Fields {
		if fault.From(f.Err()).For(e.Field) == "" {
			f.Add(e.Field, e.Text)
		}
	}
	return p, f.Err()
}

func digits(text string) (n int) {
	for _, r := range text {
		if unicode.IsDigit(r) {
			n++
		}
	}
	return n
}

// MakePractice makes a practice with the form's hidden id. The same form again is the same practice; the same id with
// something else in it is refused.
func (s *Service) MakePractice(ctx context.Context, by actor.Actor, p practice.Practice) error {
	if !known(p.ID) {
		return fault.ErrNotFound()
	}
	p, err := s.checkPractice(p)
	if err != nil {
		return err
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		first, err := s.once(ctx, tx, by, Change{ID: p.ID, Do: doPractice, Subject: p.ID})
		if err != nil {
			return err
		}
		if first {
			_, err = s.o.Practice.Create(ctx, tx, by, p)
			return err
		}
		made, err := s.o.Practice.Find(ctx, tx, p.ID)
		if err != nil {
			return err
		}
		if !same(made, p) {
			return fault.New(fault.Conflict, "This form has already made a practice. Open a new form to make another.")
		}
		return nil
	})
}

// same says whether two practices hold the same information.
func same(a, b practice.Practice) bool {
	return a.Name == b.Name && a.Phone == b.Phone && a.Street == b.Street && a.City == b.City && a.Region == b.Region && a.Zip == b.Zip
}

// EditPractice changes a practice's information. Sent twice it is saved once.
func (s *Service) EditPractice(ctx context.Context, by actor.Actor, p practice.Practice) error {
	now, err := s.o.Practice.Find(ctx, s.o.DB, p.ID)
	if err != nil {
		return err
	}
	p.Specialties = now.Specialties // their people choose these themselves
	if p, err = s.checkPractice(p); err != nil {
		return err
	}
	err = s.o.Practice.Edit(ctx, by, p)
	if !fault.Is(err, fault.Conflict) {
		return err
	}
	saved, find := s.o.Practice.Find(ctx, s.o.DB, p.ID)
	if find == nil && same(saved, p) && saved.Version == p.Version+1 {
		return nil // the same form, a moment ago
	}
	return errors.Join(err, find)
}

// Offered is a product of the operator's catalogue.
type Offered struct{ Key, Name string }

// Elsewhere are the products of the catalogue that open elsewhere, at an address the practice has with their maker.
func Elsewhere() []Offered {
	return []Offered{{"seo-reporting", "SEO Reporting"}, {"ada-tv", "ADA TV"}, {"launch-services", "Launch Services"}, {"hosted-email", "Hosted Email"}}
}

// maxURL is how long a product's address may be, in bytes.
const maxURL = 500

// checkProduct refuses a product that could not be opened.
func checkProduct(p practice.Product) string {
	switch u, err := url.Parse(p.URL); {
	case p.URL == "" && p.On:
		return "Enter the address this product opens at"
	case p.URL == "":
		return ""
	case len(p.URL) > maxURL:
		return "Address must be 500 characters or fewer"
	case err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil:
		return "Enter an address that begins with https://"
	}
	return ""
}

// SaveProducts switches a practice's products. Only what differs from what is stored is written and recorded.
func (s *Service) SaveProducts(ctx context.Context, by actor.Actor, practiceID string, wanted []practice.Product) error {
	var f fault.Fields
	for _, p := range wanted {
		if p.Name == practice.SecureMail {
			continue // served here
		}
		if text := checkProduct(p); text != "" {
			f.Add("url_"+p.Name, text)
		}
	}
	if err := f.Err(); err != nil {
		return err
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		has, err := s.o.Practice.Products(ctx, tx, practiceID)
		if err != nil {
			return err
		}
		for _, p := range wanted {
			if slices.Contains(has, p) || !p.On && p.URL == "" && !slices.ContainsFunc(has, func(h practice.Product) bool { return h.Name == p.Name }) {
				continue
			}
			if err := s.o.Practice.SetProduct(ctx, tx, by, practiceID, p); err != nil {
				return fmt.Errorf("set %s: %w", p.Name, err)
			}
		}
		return nil
	})
}

// PracticeView is a practice as the console shows it.
type PracticeView struct {
	Practice practice.Practice
	Products []practice.Product // one for each of the catalogue, SecureMail first
	Members  []PersonRow
	Invited  []InvitedRow

	stored usage
}

// LookPractice reads a practice with its people, and records the look before anything is shown.
func (s *Service) LookPractice(ctx context.Context, l Looker, id string) (v PracticeView, err error) {
	if v.Practice, err = s.o.Practice.Find(ctx, s.o.DB, id); err != nil {
		return v, err
	}
	if v.Members, err = listMembers(ctx, s.o.DB, id, mostMembers); err != nil {
		return v, fmt.Errorf("list a practice's people: %w", err)
	}
	if v.Invited, err = listInvited(ctx, s.o.DB, id, mostInvited); err != nil {
		return v, fmt.Errorf("list a practice's invitations: %w", err)
	}
	has, err := s.o.Practice.Products(ctx, s.o.DB, id)
	if err != nil {
		return v, err
	}
	v.Products = catalogue(has)
	if v.stored, err = readUsage(ctx, s.o.DB, id); err != nil {
		return v, fmt.Errorf("count a practice's files: %w", err)
	}
	return v, s.record(ctx, l, []audit.Event{looked("practice", id, id, "page")})
}

// catalogue is every product there is, as a practice has it.
func catalogue(has []practice.Product) []practice.Product {
	all := []practice.Product{{Name: practice.SecureMail}}
	for _, o := range Elsewhere() {
		all = append(all, practice.Product{Name: o.Key})
	}
	for i, p := range all {
		for _, h := range has {
			if h.Name == p.Name {
				all[i] = h
			}
		}
	}
	return all
}
