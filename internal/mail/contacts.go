package mail

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/limit"
)

// maxContacts is how many contacts are read at once; those used last come first.
const maxContacts = 1000

// pair is somebody who wrote and the registered person they wrote to.
type pair struct {
	userID, ownerID string
	person          account.Card
}

// noteContacts remembers whom people wrote to. A person is a contact once registered (SPEC.md, SecureMail).
func (s *Service) noteContacts(ctx context.Context, tx *db.Tx, pairs []pair) error {
	var list []contact
	for _, p := range pairs {
		o, err := s.o.Keys.Owner(ctx, tx, p.ownerID)
		if err != nil {
			return fmt.Errorf("find a writer's keys: %w", err)
		}
		c := contact{userID: p.userID, id: db.NewID(), personID: p.person.ID, usedAt: s.now()}
		if c.sealed, err = o.Seal("mail_contact", "name_sealed", c.id, []byte(p.person.Name)); err != nil {
			return err
		}
		list = append(list, c)
	}
	if err := putContacts(ctx, tx, list); err != nil {
		return fmt.Errorf("note contacts: %w", err)
	}
	return nil
}

// Contact is somebody the actor can choose as a recipient.
type Contact struct{ ID, PersonID, Name, Org, Email string }

// contacts lists the actor's contacts whose name, organisation or address holds the words; all without words.
func (s *Service) contacts(ctx context.Context, by actor.Actor, words string) ([]Contact, error) {
	rows, err := listContacts(ctx, s.o.DB, by.ID, maxContacts)
	if err != nil {
		return nil, fmt.Errorf("list contacts: %w", err)
	}
	ids := make([]string, len(rows))
	for i, c := range rows {
		ids[i] = c.personID
	}
	cards, err := s.o.Account.Cards(ctx, s.o.DB, ids)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	o, err := s.o.Keys.Owner(ctx, s.o.DB, by.OwnerID)
	if err != nil {
		return nil, fmt.Errorf("find a person's keys: %w", err)
	}
	var list []Contact
	for _, c := range rows {
		name, err := o.Open("mail_contact", "name_sealed", c.id, c.sealed)
		if err != nil {
			return nil, fmt.Errorf("open a contact: %w", err)
		}
		card := cards[c.personID]
		k := Contact{ID: c.id, PersonID: card.ID, Name: string(name), Org: partyOf(card).Org, Email: card.Email}
		if card.Active && k.matches(words) {
			list = append(list, k)
		}
	}
	slices.SortStableFunc(list, func(a, b Contact) int { return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	return list, nil
}

func (c Contact) matches(words string) bool {
	all := strings.ToLower(c.Name + " " + c.Org + " " + c.Email)
	for w := range strings.FieldsSeq(strings.ToLower(words)) {
		if !strings.Contains(all, w) {
			return false
		}
	}
	return true
}

// named are the contacts of exactly this name.
func named(list []Contact, name string) []Contact {
	var found []Contact
	for _, c := range list {
		if strings.EqualFold(c.Name, name) {
			found = append(found, c)
		}
	}
	return found
}

// contact finds one of the actor's contacts.
func (s *Service) contact(ctx context.Context, by actor.Actor, id string) (Contact, bool, error) {
	all, err := s.contacts(ctx, by, "")
	for _, c := range all {
		if c.ID == id {
			return c, true, nil
		}
	}
	return Contact{}, false, err
}

// recipient says what is known of an address that is being typed.
func (s *Service) recipient(ctx context.Context, by actor.Actor, typed string) (recipientAnswer, error) {
	if err := s.mayAsk(ctx, by); err != nil {
		return recipientAnswer{}, err
	}
	var wrong fault.Fields
	list, err := s.addresses(ctx, by, typed, 1, &wrong)
	if err != nil || len(list) != 1 || len(wrong) > 0 {
		return recipientAnswer{Wrong: wrong.Err() != nil}, err
	}
	t, err := s.target(ctx, by, list[0])
	if err != nil {
		return recipientAnswer{}, err
	}
	a := recipientAnswer{Known: t.person.ID != "", Name: t.person.Name + t.invited.Name(), Invited: t.invited.ID != "", New: t.id() == ""}
	if a.Known {
		a.Practice = partyOf(t.person).Org
	}
	a.Meant, err = s.meant(ctx, by, list[0])
	return a, err
}

// mayAsk bounds how many addresses one person looks up: enough to write, too few to search for accounts.
func (s *Service) mayAsk(ctx context.Context, by actor.Actor) error {
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		ok, err := s.o.Limit.Allow(ctx, tx, limit.Rule{Name: "addresses asked", Max: s.set.AskPerHour, Window: time.Hour}, by.ID)
		if err != nil {
			return err
		}
		if !ok {
			return fault.New(fault.TooMany, "You have looked up many addresses. You can still send; try looking up again in an hour.")
		}
		return nil
	})
}
