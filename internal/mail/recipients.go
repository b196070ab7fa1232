package mail

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/fault"
	"securepractice/internal/invite"
)

// mostRecipients is the most that a practice's setting allows (SPEC.md, SecureMail).
const mostRecipients = 20

// maxTo bounds what is typed into To, in characters: twenty addresses of the longest kind.
const maxTo = 6000

// maxRecipients is how many recipients one form of the actor's practice may have.
func (s *Service) maxRecipients(ctx context.Context, by actor.Actor) (int, error) {
	p, err := s.o.Practice.Find(ctx, s.o.DB, by.PracticeID)
	if err != nil {
		return 0, fmt.Errorf("read a practice's settings: %w", err)
	}
	return min(max(p.MaxRecipients, 1), mostRecipients), nil
}

// toLine makes one line of what was typed into To: a line end separates recipients like a comma.
func toLine(typed string) string {
	typed = strings.ReplaceAll(strings.TrimSpace(typed), "\r\n", "\n")
	return oneLine(strings.NewReplacer("\n", ", ", "\r", ", ").Replace(typed))
}

// splitTo takes apart what was typed into To. Commas and semicolons separate, except inside quotation marks; of
// "Ann Ortiz <ann@example.org>", as other programs copy it, the address counts.
func splitTo(typed string) []string {
	quoted, paired := false, strings.Count(typed, `"`)%2 == 0
	parts := strings.FieldsFunc(typed, func(r rune) bool {
		if r == '"' && paired {
			quoted = !quoted
		}
		return !quoted && (r == ',' || r == ';' || r == '\n' || r == '\r')
	})
	var list []string
	for _, p := range parts {
		p = oneLine(p)
		if open := strings.LastIndexByte(p, '<'); open >= 0 && strings.HasSuffix(p, ">") {
			p = oneLine(p[open+1 : len(p)-1])
		}
		p = oneLine(strings.Trim(p, `"`))
		switch words := strings.Fields(p); {
		case p == "":
		case len(words) > 1 && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(w, "@") }):
			list = append(list, words...)
		default:
			list = append(list, p)
		}
	}
	return list
}

// target is whom a new message goes to: a person, an invitation, or somebody still to be invited.
type target struct {
	address string // canonical; it tells one recipient of a form from the next
	typed   string // as it was entered, or the contact's
	person  account.Card
	invited invite.Invitation
	unknown *invite.NewInvitation
}

// id is the person's or invitation's; empty for somebody still to be invited.
func (t target) id() string { return t.person.ID + t.invited.ID }

// patient says whether this recipient must see no other.
func (t target) patient() bool {
	switch {
	case t.person.ID != "":
		return t.person.Role == actor.Patient
	case t.invited.ID != "":
		return t.invited.Role == invite.Patient
	}
	return t.unknown != nil && t.unknown.Role == invite.Patient
}

// resolve finds the recipients. The same one twice counts once.
func (s *Service) resolve(ctx context.Context, by actor.Actor, c Compose, f *fault.Fields) ([]target, error) {
	all, err := s.targets(ctx, by, c.To, f)
	if err != nil {
		return nil, err
	}
	s.describe(by, c, all, f)
	return all, nil
}

// targets looks up who is meant by what was typed. Whoever has no id yet is new here.
func (s *Service) targets(ctx context.Context, by actor.Actor, typed string, f *fault.Fields) ([]target, error) {
	most, err := s.maxRecipients(ctx, by)
	if err != nil {
		return nil, err
	}
	addresses, err := s.addresses(ctx, by, typed, most, f)
	if err != nil {
		return nil, err
	}
	var all []target
	for _, a := range addresses {
		t, err := s.target(ctx, by, a)
		if err != nil {
			return nil, err
		}
		if t.id() != "" && slices.ContainsFunc(all, func(o target) bool { return o.id() == t.id() }) {
			continue
		}
		if why := cannotReceive(by, t); why != "" {
			f.Add("to", about(len(addresses) > 1, a, why))
		}
		all = append(all, t)
	}
	return all, nil
}

// target looks up one address. This practice's own open invitation comes before an account of the same address: until
// it is accepted or claimed, nothing shows that the account's holder is the person this practice knows.
func (s *Service) target(ctx context.Context, by actor.Actor, address string) (target, error) {
	t := target{typed: address}
	t.address, _ = account.CanonEmail(address)
	var found bool
	var err error
	if t.invited, found, err = s.o.Invite.OpenFor(ctx, s.o.DB, by.PracticeID, address); err != nil || found {
		return t, err
	}
	t.invited = invite.Invitation{}
	if t.person, found, err = s.o.Account.ByEmail(ctx, s.o.DB, address); err != nil || !found {
		t.person = account.Card{}
	}
	return t, err
}

func cannotReceive(by actor.Actor, t target) string {
	switch {
	case t.person.ID == "":
		return ""
	case t.person.ID == by.ID:
		return "This is your own address. Enter another person's."
	case !t.person.Active:
		return "This person's account is closed, so they cannot receive messages."
	}
	return ""
}

// about names the recipient a sentence is about, where there are several.
func about(several bool, who, sentence string) string {
	if !several {
		return sentence
	}
	r, size := utf8.DecodeRuneInString(sentence)
	return who + ": " + string(unicode.ToLower(r)) + sentence[size:]
}

// addresses lists the addresses typed into To, and those of the contacts whose names were typed, each once.
func (s *Service) addresses(ctx context.Context, by actor.Actor, typed string, most int, f *fault.Fields) ([]string, error) {
	parts := splitTo(typed)
	var people []Contact
	if slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(p, "@") }) {
		var err error
		if people, err = s.contacts(ctx, by, ""); err != nil {
			return nil, err
		}
	}
	if len(named(people, typed)) > 0 { // a name may hold a comma
		parts = []string{typed}
	}
	var list []string
	seen := map[string]bool{}
	var wrong fault.Fields
	for _, p := range parts {
		address, why := addressOf(p, people, most)
		canon, _ := account.CanonEmail(address)
		switch {
		case why != "":
			wrong.Add("to", about(len(parts) > 1, p, why))
		case !seen[canon]:
			seen[canon] = true
			list = append(list, address)
		}
	}
	switch n := len(list) + len(wrong); {
	case n == 0:
		wrong.Add("to", "Enter a recipient")
	case n > most:
		wrong, list = fault.Fields{{Field: "to", Text: tooMany(most, n)}}, nil
	}
	*f = append(*f, wrong...)
	return list, nil
}

func tooMany(most, n int) string {
	if most == 1 {
		return "Choose one recipient"
	}
	return fmt.Sprintf("Choose %d recipients or fewer. You have entered %d.", most, n)
}

// addressOf is the address of one part of To, or why it has none.
func addressOf(p string, people []Contact, most int) (address, why string) {
	if !strings.Contains(p, "@") {
		switch found := named(people, p); {
		case len(found) == 1:
			return found[0].Email, ""
		case len(found) > 1 && most == 1:
			return "", "Choose one recipient"
		case len(found) > 1:
			return "", "Several contacts have this name. Enter the email address."
		}
	}
	if strings.Count(p, "@") > 1 && most == 1 {
		return "", "Choose one recipient"
	}
	if _, ok := account.CanonEmail(p); !ok {
		return "", "Enter a valid email address"
	}
	return p, ""
}

// describe takes what was typed about those who are new here, in the order of To.
func (s *Service) describe(by actor.Actor, c Compose, all []target, f *fault.Fields) {
	n, fresh := 0, 0
	for _, t := range all {
		if t.id() == "" {
			fresh++
		}
	}
	for i := range all {
		if all[i].id() != "" {
			continue
		}
		n++
		all[i].unknown = s.newcomer(by, c.about(all[i].address, n, fresh), all[i].typed, n, f)
	}
}

// about finds what was typed about the n-th of so many new recipients: the block that names the address; a block that
// names none is the first one's; and with one block and one new address they belong together.
func (c Compose) about(address string, n, fresh int) *invite.NewInvitation {
	var blocks []invite.NewInvitation
	if c.New != nil {
		blocks = append(blocks, *c.New)
	}
	blocks = append(blocks, c.More...)
	for i := range blocks {
		if canon, _ := account.CanonEmail(blocks[i].Email); canon == address {
			return &blocks[i]
		}
	}
	if c.New != nil && (n == 1 && c.New.Email == "" || fresh == 1 && len(blocks) == 1) {
		return &blocks[0]
	}
	return nil
}

// newcomer checks what was typed of somebody nobody here knows; its errors stand at the fields of the n-th block.
func (s *Service) newcomer(by actor.Actor, typed *invite.NewInvitation, address string, n int, f *fault.Fields) *invite.NewInvitation {
	if typed == nil {
		f.Add("to", address+" is new here. Fill in “New recipient” and send again.")
		return nil
	}
	one := *typed
	one.PracticeID, one.Email, one.First, one.Last = by.PracticeID, address, oneLine(one.First), oneLine(one.Last)
	one.BySupport, one.Manager, one.Paid = false, false, false
	one, err := s.o.Invite.Check(one)
	for _, e := range fault.From(err).Fields {
		if e.Field == "email" {
			e = fault.FieldError{Field: "to", Text: "Enter a valid email address"}
		} else {
			e.Field = blockField(e.Field, n)
		}
		*f = append(*f, e)
	}
	return &one
}

// blockField is what a field of the n-th "New recipient" is called: the first one's names carry no number.
func blockField(name string, n int) string {
	if n == 1 {
		return name
	}
	return fmt.Sprintf("%s_%d", name, n)
}

// checkBlocks bounds what is typed about further new recipients.
func (s *Service) checkBlocks(f *fault.Fields, more []Newcomer) {
	for i, n := range more {
		for _, l := range []struct{ field, label, value string }{
			{"first_name", "First name", n.First}, {"last_name", "Last name", n.Last}, {"phone", "Phone", n.Phone},
			{"cell_phone", "Cell Phone", n.Cell}, {"role", "User role", n.Role + n.Email},
		} {
			tooLong(f, blockField(l.field, i+2), l.label, l.value, maxTyped)
		}
	}
}

// parcel is one of the messages that a form becomes, and whom it goes to.
type parcel struct {
	id string
	to []target
}

// parcels divides the recipients: colleagues share one message and see each other, every patient has one alone. The first
// has the form's own id; the ids of the others follow from it and the address, so that the same form sent again is the
// same messages in whatever order its recipients are typed (docs/adr/0009).
func (s *Service) parcels(form string, to []target) []parcel {
	to = slices.Clone(to)
	slices.SortFunc(to, func(a, b target) int { return cmp.Compare(a.address, b.address) })
	var shared parcel
	var list []parcel
	for _, t := range to {
		if t.patient() {
			list = append(list, parcel{to: []target{t}})
		} else {
			shared.to = append(shared.to, t)
		}
	}
	if len(shared.to) > 0 {
		list = append([]parcel{shared}, list...)
	}
	for i := range list {
		if list[i].id = form; i > 0 {
			list[i].id = s.formID(form, list[i].to[0].address)
		}
	}
	return list
}

// formID is the id of a form's further message to an address. It is a keyed hash, so that nobody can find from two ids
// who was written to.
func (s *Service) formID(form, address string) string {
	var u uuid.UUID
	copy(u[:], s.o.Keys.MAC("mail form", form, address))
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80 // version 8 of RFC 9562
	return u.String()
}
