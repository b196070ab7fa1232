package support

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/practice"
)

// maxSearch is how long a search may be, in characters; minSearch how short.
const minSearch, maxSearch = 2, 200

// terms are a search as the statements take it. What a search has none of matches nothing.
type terms struct {
	words    [4]string // patterns of the words of a name, all of which must be met
	typed    string    // pattern of the text as it was typed
	email    string    // pattern of an address's beginning
	e164     string    // a phone number, "" when it is none
	national string    // its ten digits
}

// nothing is a pattern that no name meets: names are never empty, and this one holds no letter.
const nothing = "\x01"

// read takes a search apart. A search may be part of a name, the beginning of an address or a whole number.
func (s *Service) read(query string) terms {
	t := terms{words: [4]string{nothing, nothing, nothing, nothing}, typed: nothing, email: nothing}
	words := strings.Fields(practice.Canon(query))
	if len(words) == 0 {
		return t
	}
	t.typed = "%" + escape(query) + "%"
	for i := range t.words {
		t.words[i] = "%" + escape(words[min(i, len(words)-1)]) + "%"
	}
	if canon, ok := account.CanonEmail(query); ok {
		t.email = escape(canon) + "%"
	} else if len(words) == 1 {
		t.email = escape(words[0]) + "%"
	}
	if e164, ok := s.o.Verify.ParsePhone(query); ok {
		t.e164, t.national = e164, strings.TrimPrefix(e164, "+1")
	}
	return t
}

// escape keeps the wild cards of LIKE from being meant.
func escape(s string) string { return strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(s) }

// Found is what a search shows.
type Found struct {
	Query     string
	Practices []PracticeRow
	People    []PersonRow
	Invited   []InvitedRow
	More      bool // some list was cut
}

// checkSearch refuses what would find nothing or everybody.
func checkSearch(query string) (string, error) {
	query = practice.OneLine(query)
	switch n := utf8.RuneCountInString(query); {
	case n < minSearch:
		return query, fault.Field("q", "Enter at least 2 characters of a name, an email address or a whole phone number")
	case n > maxSearch:
		return query, fault.Field("q", "Search must be 200 characters or fewer")
	}
	return query, nil
}

// Looker is a member of staff who looks. A blind one is shown nothing, so nothing is recorded.
type Looker struct {
	By    actor.Actor
	Blind bool
}

// Newest are the practices made last. A list of practices by name is no look at one.
func (s *Service) Newest(ctx context.Context) ([]PracticeRow, error) {
	all, err := listNewest(ctx, s.o.DB, mostNewest)
	if err != nil {
		return nil, fmt.Errorf("list practices: %w", err)
	}
	return all, nil
}

// Search finds practices by name or phone, people and open invitations by name, address or phone; hidden is what Hide
// made of the search. Whoever is shown is recorded as looked at, before it is shown.
func (s *Service) Search(ctx context.Context, l Looker, hidden string) (f Found, err error) {
	if f.Query, err = s.unhide(l.By, hidden); err != nil {
		return f, err
	}
	t := s.read(f.Query)
	if f.Practices, err = searchPractices(ctx, s.o.DB, t, mostFound+1); err != nil {
		return f, fmt.Errorf("search practices: %w", err)
	}
	if f.People, err = searchPeople(ctx, s.o.DB, t, mostFound+1); err != nil {
		return f, fmt.Errorf("search people: %w", err)
	}
	if f.Invited, err = searchInvited(ctx, s.o.DB, t, mostFound+1); err != nil {
		return f, fmt.Errorf("search invitations: %w", err)
	}
	f.cut()
	return f, s.record(ctx, l, f.looks())
}

// cut takes away the one row more that was asked for to know whether there are more.
func (f *Found) cut() {
	f.More = len(f.Practices) > mostFound || len(f.People) > mostFound || len(f.Invited) > mostFound
	f.Practices = f.Practices[:min(len(f.Practices), mostFound)]
	f.People = f.People[:min(len(f.People), mostFound)]
	f.Invited = f.Invited[:min(len(f.Invited), mostFound)]
}

// looks are the trail's lines of all who were found.
func (f Found) looks() (events []audit.Event) {
	for _, p := range f.Practices {
		events = append(events, looked("practice", p.ID, p.ID, "search"))
	}
	for _, u := range f.People {
		events = append(events, looked("user", u.ID, u.PracticeID, "search"))
	}
	for _, i := range f.Invited {
		events = append(events, looked("invitation", i.ID, i.PracticeID, "search"))
	}
	return events
}

func (s *Service) record(ctx context.Context, l Looker, events []audit.Event) error {
	if l.Blind || len(events) == 0 {
		return nil
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error { return s.o.Audit.RecordAll(ctx, tx, l.By, events) })
}

// looked is the trail's line of a look, which the practice can see.
func looked(kind, id, practiceID, in string) audit.Event {
	return audit.Event{Action: audit.SupportLooked, SubjectKind: kind, SubjectID: id, PracticeID: practiceID, OnBehalf: practiceID, Detail: map[string]string{"in": in}}
}

// Hide makes of a search what may stand in a URL: names, addresses and numbers never do in clear. It opens for the
// same member of staff alone.
func (s *Service) Hide(by actor.Actor, query string) (string, error) {
	query, err := checkSearch(query)
	if err != nil {
		return "", err
	}
	sealed, err := s.o.Keys.System().Seal("support_search", "query_sealed", by.ID, []byte(query))
	if err != nil {
		return "", fmt.Errorf("seal a search: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// unhide is the search behind an address; NotFound for what Hide did not make for this member of staff.
func (s *Service) unhide(by actor.Actor, hidden string) (string, error) {
	sealed, err := base64.RawURLEncoding.DecodeString(hidden)
	if err != nil {
		return "", fault.ErrNotFound()
	}
	query, err := s.o.Keys.System().Open("support_search", "query_sealed", by.ID, sealed)
	if err != nil {
		return "", fault.ErrNotFound() // made up, or somebody else's: nothing to find
	}
	return string(query), nil
}
