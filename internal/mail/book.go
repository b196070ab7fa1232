package mail

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/practice"
)

// maxContactName is how long the name that somebody gives a contact may be, in characters.
const maxContactName = 100

// listBook lists the actor's contacts, hidden ones too when asked for.
func (s *Service) listBook(ctx context.Context, by actor.Actor, words string, hidden bool) ([]Contact, error) {
	rows, err := listContacts(ctx, s.o.DB, by.ID, hidden, maxContacts)
	if err != nil {
		return nil, fmt.Errorf("list contacts: %w", err)
	}
	all, err := s.openContacts(ctx, by, rows)
	if err != nil {
		return nil, err
	}
	list := slices.DeleteFunc(all, func(c Contact) bool { return !c.matches(words) })
	slices.SortStableFunc(list, func(a, b Contact) int {
		if a.Favourite != b.Favourite {
			if a.Favourite {
				return -1
			}
			return 1
		}
		return cmp.Or(strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), strings.Compare(a.Email, b.Email))
	})
	return list, nil
}

// openContacts opens rows of the actor's. A person whose account is closed is left out, and so is an imported address when
// it is that of a person who is a contact by themselves.
func (s *Service) openContacts(ctx context.Context, by actor.Actor, rows []contact) ([]Contact, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	var ids []string
	for _, c := range rows {
		if c.personID != "" {
			ids = append(ids, c.personID)
		}
	}
	cards, err := s.o.Account.Cards(ctx, s.o.DB, ids)
	if err != nil {
		return nil, err
	}
	o, err := s.o.Keys.Owner(ctx, s.o.DB, by.OwnerID)
	if err != nil {
		return nil, fmt.Errorf("find a person's keys: %w", err)
	}
	known := map[string]bool{}
	for _, c := range cards {
		canon, _ := account.CanonEmail(c.Email)
		known[canon] = c.Active
	}
	var list []Contact
	for _, row := range rows {
		c, err := row.open(o, cards)
		if err != nil {
			return nil, err
		}
		canon, _ := account.CanonEmail(c.Email)
		if row.personID != "" && !cards[row.personID].Active || row.personID == "" && known[canon] {
			continue
		}
		list = append(list, c)
	}
	return list, nil
}

func (c contact) open(o crypt.Sealer, cards map[string]account.Card) (Contact, error) {
	name, err := o.Open("mail_contact", "name_sealed", c.id, c.sealed)
	if err != nil {
		return Contact{}, fmt.Errorf("open a contact: %w", err)
	}
	k := Contact{ID: c.id, PersonID: c.personID, Name: string(name), Favourite: c.favourite, Hidden: c.hidden}
	if c.personID != "" {
		k.Org, k.Email = partyOf(cards[c.personID]).Org, cards[c.personID].Email
		return k, nil
	}
	email, err := o.Open("mail_contact", "email_sealed", c.id, c.email)
	if err != nil {
		return Contact{}, fmt.Errorf("open a contact: %w", err)
	}
	k.Email = string(email)
	return k, nil
}

// contact finds one of the actor's contacts, hidden or not.
func (s *Service) contact(ctx context.Context, by actor.Actor, id string) (Contact, bool, error) {
	row, found, err := findContact(ctx, s.o.DB, by.ID, id)
	if err != nil {
		return Contact{}, false, fmt.Errorf("find a contact: %w", err)
	}
	if !found {
		return Contact{}, false, nil
	}
	list, err := s.openContacts(ctx, by, []contact{row})
	if err != nil || len(list) == 0 {
		return Contact{}, false, err
	}
	return list[0], true, nil
}

// ownContact is contact for the pages of one: what is not the actor's is refused, before anything is said of paying.
func (s *Service) ownContact(ctx context.Context, by actor.Actor, id string) (Contact, error) {
	c, found, err := s.contact(ctx, by, id)
	if err != nil {
		return c, err
	}
	if !found {
		return c, s.refuse(ctx, by, "contact", id)
	}
	return c, mayCompose(by)
}

// inBook finds the address that was typed, or that of the contact whose name was typed, and the contact of that address;
// an empty address when neither was typed, or the name is several contacts'.
func (s *Service) inBook(ctx context.Context, by actor.Actor, typed string) (string, Contact, error) {
	canon, isAddress := account.CanonEmail(typed)
	people, err := s.contacts(ctx, by, "")
	if err != nil {
		return "", Contact{}, err
	}
	var found []Contact
	for _, c := range people {
		own, _ := account.CanonEmail(c.Email)
		if isAddress && own == canon || !isAddress && strings.EqualFold(c.Name, typed) {
			found = append(found, c)
		}
	}
	switch {
	case len(found) == 1:
		return found[0].Email, found[0], nil
	case isAddress:
		return typed, Contact{}, nil
	}
	return "", Contact{}, nil
}

// emailMAC tells one person's imported addresses apart; another's address of the same spelling has another.
func (s *Service) emailMAC(userID, canon string) []byte {
	return s.o.Keys.MAC("mail contact", userID, canon)
}

// adopt makes an address that somebody imported the person it turned out to be, once they wrote to them.
func (s *Service) adopt(ctx context.Context, tx *db.Tx, p pair) error {
	canon, ok := account.CanonEmail(p.person.Email)
	if !ok {
		return nil
	}
	if err := adoptContact(ctx, tx, p.userID, s.emailMAC(p.userID, canon), p.person.ID); err != nil {
		return fmt.Errorf("join a contact with a person: %w", err)
	}
	return nil
}

// SaveContact changes the name the actor sees, and whether a contact comes first or is not offered.
func (s *Service) SaveContact(ctx context.Context, by actor.Actor, c Contact) error {
	if _, err := s.ownContact(ctx, by, c.ID); err != nil {
		return err
	}
	c.Name = practice.OneLine(c.Name)
	var f fault.Fields
	if blank(c.Name) {
		f.Add("name", "Enter a name")
	}
	tooLong(&f, "name", "Name", c.Name, maxContactName)
	if err := f.Err(); err != nil {
		return err
	}
	o, err := s.o.Keys.Owner(ctx, s.o.DB, by.OwnerID)
	if err != nil {
		return fmt.Errorf("find a person's keys: %w", err)
	}
	row := contact{userID: by.ID, id: c.ID, favourite: c.Favourite, hidden: c.Hidden}
	if row.sealed, err = o.Seal("mail_contact", "name_sealed", c.ID, []byte(c.Name)); err != nil {
		return fmt.Errorf("seal a name: %w", err)
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		found, err := updateContact(ctx, tx, row)
		if err == nil && !found {
			err = fault.ErrNotFound()
		}
		return err
	})
}

// DeleteContact removes a contact that the actor imported. One who was written to can be hidden, not removed.
func (s *Service) DeleteContact(ctx context.Context, by actor.Actor, id string) error {
	c, err := s.ownContact(ctx, by, id)
	if err != nil {
		return err
	}
	if c.PersonID != "" {
		return fault.New(fault.Conflict, "You wrote to this person, so the contact stays. You can hide it.")
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		_, err := deleteContact(ctx, tx, by.ID, id)
		return err
	})
}
