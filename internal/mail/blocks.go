package mail

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/fault"
	"securepractice/internal/invite"
)

// doubt is an address that resembles another one which it may have been meant to be.
type doubt struct{ typed, meant string }

// setBlock takes a text field of a "New recipient" block: "first_name" is the first block's, "first_name_2" the second's.
func (d *Draft) setBlock(name, value string) {
	n := 1
	if i := strings.LastIndexByte(name, '_'); i > 0 {
		if k, err := strconv.Atoi(name[i+1:]); err == nil {
			name, n = name[:i], k
		}
	}
	if n < 1 || n > mostRecipients {
		return
	}
	if n > 1 && value == "" && n-2 >= len(d.More) {
		return
	}
	block := &d.New
	if n > 1 {
		for len(d.More) < n-1 {
			d.More = append(d.More, Newcomer{})
		}
		block = &d.More[n-2]
	}
	block.set(name, value)
}

func (n *Newcomer) set(name, value string) {
	switch name {
	case "new_for":
		n.Email = oneLine(value)
	case "role":
		n.Role = value
	case "first_name":
		n.First = value
	case "last_name":
		n.Last = value
	case "phone":
		n.Phone = value
	case "cell_phone":
		n.Cell = value
	}
}

// blocks are the descriptions of new recipients in which anything was typed, or which name somebody.
func (d Draft) blocks() []Newcomer {
	return slices.DeleteFunc(append([]Newcomer{d.New}, d.More...), func(n Newcomer) bool { return n == (Newcomer{}) })
}

// compose is the draft as it is sent.
func (d Draft) compose(body string) Compose {
	c := Compose{DraftID: d.ID, To: d.To, Subject: d.Subject, Body: body}
	for i, n := range d.blocks() {
		one := invite.NewInvitation{Email: n.Email, Role: invite.Role(n.Role), First: n.First, Last: n.Last, Phone: oneLine(n.Phone), Cell: oneLine(n.Cell)}
		if i == 0 {
			c.New = &one
		} else {
			c.More = append(c.More, one)
		}
	}
	return c
}

// lookAgain prepares a refused form: one block for each recipient who is new here, in the order in which their errors were
// numbered, and what addresses may have been meant to be. While To itself is wrong, no block is taken away.
func (s *Service) lookAgain(ctx context.Context, by actor.Actor, p *composeProps) error {
	if p.fault.Kind != fault.Invalid {
		return nil
	}
	var wrong fault.Fields
	all, err := s.targets(ctx, by, toLine(p.draft.To), &wrong)
	if err != nil {
		return err
	}
	fresh := slices.DeleteFunc(slices.Clone(all), func(t target) bool { return t.id() != "" })
	typed := p.draft.blocks()
	p.blocks = []Newcomer{}
	for n, t := range fresh {
		block := Newcomer{Email: t.typed}
		if i := blockOf(typed, t.address, n, len(fresh)); i >= 0 {
			block = typed[i]
			block.Email, typed = t.typed, slices.Delete(typed, i, i+1)
		}
		p.blocks = append(p.blocks, block)
	}
	if len(wrong) > 0 {
		p.blocks = append(p.blocks, typed...)
	}
	known, err := s.knownDomains(ctx, by)
	for _, t := range all {
		if meant := meantBy(t.typed, known); meant != "" {
			p.meant = append(p.meant, doubt{t.typed, meant})
		}
	}
	return err
}

// blockOf finds the block of the n-th of so many new recipients, by the rule of Compose.about; -1 for none.
func blockOf(typed []Newcomer, address string, n, fresh int) int {
	for i, b := range typed {
		if canon, _ := account.CanonEmail(b.Email); canon == address {
			return i
		}
	}
	if len(typed) > 0 && (n == 0 && typed[0].Email == "" || fresh == 1 && len(typed) == 1) {
		return 0
	}
	return -1
}

// exchange puts the address that another was probably meant to be in its place, with what was typed of the person.
func (s *Service) exchange(ctx context.Context, by actor.Actor, d *Draft, typed string) error {
	meant, err := s.meant(ctx, by, typed)
	if err != nil || meant == "" {
		return err
	}
	parts := splitTo(toLine(d.To))
	for i := range parts {
		if strings.EqualFold(parts[i], typed) {
			parts[i] = meant
		}
	}
	d.To = strings.Join(parts, ", ")
	if strings.EqualFold(d.New.Email, typed) {
		d.New.Email = meant
	}
	for i := range d.More {
		if strings.EqualFold(d.More[i].Email, typed) {
			d.More[i].Email = meant
		}
	}
	return nil
}

// addContact makes a contact the recipient, or one more of them where the practice allows several.
func (s *Service) addContact(ctx context.Context, by actor.Actor, d *Draft, c Contact) error {
	most, err := s.maxRecipients(ctx, by)
	if err != nil {
		return err
	}
	if most == 1 || d.To == "" {
		d.To, d.New, d.More = c.Email, Newcomer{}, nil
		return nil
	}
	if !slices.ContainsFunc(splitTo(d.To), func(p string) bool { return strings.EqualFold(p, c.Email) }) {
		d.To += ", " + c.Email
	}
	return nil
}
