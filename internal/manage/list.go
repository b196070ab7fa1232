package manage

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/fault"
	"securepractice/internal/invite"
	"securepractice/internal/practice"
	"securepractice/internal/ui"
)

const (
	pageSize  = 50
	maxPage   = 2000 // nobody turns so many pages; a larger number in an address is page 1
	maxSearch = 200  // characters
)

// The values of the filter by status.
const (
	onlyInvited = "invited"
	onlyStarted = "started"
	onlyFull    = "registered"
)

// filters are the choices of the filter.
func filters() []ui.Option {
	return []ui.Option{{Value: onlyInvited, Label: statusInvited}, {Value: onlyStarted, Label: statusTwoStep}, {Value: onlyFull, Label: statusFull}}
}

// query is what a list shows. Hidden is the search as it stands in an address.
type query struct {
	status, search, hidden string
	page                   int
}

// asked says whether the list is narrowed.
func (q query) asked() bool { return q.status != "" || q.search != "" }

// href is the address of a page of this list. It shows nothing of the search.
func (q query) href(page int) string {
	var parts []string
	if q.status != "" {
		parts = append(parts, "status="+q.status)
	}
	if q.hidden != "" {
		parts = append(parts, "q="+q.hidden)
	}
	if page > 1 {
		parts = append(parts, "page="+strconv.Itoa(page))
	}
	if len(parts) == 0 {
		return "/users"
	}
	return "/users?" + strings.Join(parts, "&")
}

// list is one page of the practice's people.
type list struct {
	query    query
	people   []Person
	more     bool
	practice practice.Practice
}

// list reads one page: members and invited people by name.
func (s *Service) list(ctx context.Context, by actor.Actor, q query) (l list, err error) {
	l.query = q
	if l.practice, err = s.o.Practice.Find(ctx, s.o.DB, by.PracticeID); err != nil {
		return l, err
	}
	rows, err := listPeople(ctx, s.o.DB, by.PracticeID, q, readTerms(q.search))
	if err != nil {
		return l, fmt.Errorf("list people: %w", err)
	}
	if l.more = len(rows) > pageSize; l.more {
		rows = rows[:pageSize]
	}
	var members []string
	for _, r := range rows {
		if r.member {
			members = append(members, r.id)
		}
	}
	at, err := listSignIns(ctx, s.o.DB, members)
	if err != nil {
		return l, fmt.Errorf("find last sign-ins: %w", err)
	}
	for _, r := range rows {
		l.people = append(l.people, r.person(at[r.id]))
	}
	return l, nil
}

// person is a row in words.
func (r row) person(signedInAt int64) Person {
	p := Person{ID: r.id, Name: strings.TrimSpace(r.first + " " + r.last), Email: r.email, Member: r.member, SignedInAt: signedInAt, WrongNumber: r.wrongNumber}
	if !r.member {
		p.Role, p.Status = roleWords(invite.Role(r.role).Account()), statusOf(r.state, r.twoStep)
		return p
	}
	p.Role, p.Status, p.Locked = roleWords(actor.Role(r.role)), statusFull, r.state == "locked"
	if r.state == "deactivated" {
		p.Status = statusClosed
	}
	return p
}

// terms are a search as the statement takes it; an empty search matches all.
type terms struct {
	words [3]string // patterns, all of which a name must meet
	typed string    // pattern of the text as it was typed
	email string    // pattern of an address's beginning
}

func readTerms(search string) terms {
	words := strings.Fields(practice.Canon(search))
	if len(words) == 0 {
		return terms{words: [3]string{"%", "%", "%"}, typed: "%", email: "%"}
	}
	t := terms{typed: "%" + escape(search) + "%", email: escape(words[0]) + "%"}
	for i := range t.words {
		t.words[i] = "%" + escape(words[min(i, len(words)-1)]) + "%"
	}
	if canon, ok := account.CanonEmail(search); ok {
		t.email = escape(canon) + "%"
	}
	if len(words) > 1 {
		t.email = "\x01" // no address holds a space
	}
	return t
}

// escape keeps the wild cards of LIKE from being meant.
func escape(s string) string { return strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(s) }

// read takes a list's address apart. What is not understood shows the whole list; a search that is not this manager's
// does not exist.
func (s *Service) read(by actor.Actor, status, hidden, page string) (query, error) {
	q := query{hidden: hidden, page: 1}
	for _, o := range filters() {
		if o.Value == status {
			q.status = status
		}
	}
	if n, err := strconv.Atoi(page); err == nil && n > 1 && n <= maxPage {
		q.page = n
	}
	if hidden == "" {
		return q, nil
	}
	sealed, err := base64.RawURLEncoding.DecodeString(hidden)
	if err != nil {
		return q, fault.ErrNotFound()
	}
	search, err := s.o.Keys.System().Open("manage_search", "query_sealed", by.ID, sealed)
	if err != nil {
		return q, fault.ErrNotFound() // made up, or somebody else's
	}
	q.search = string(search)
	return q, nil
}

// find makes the address of a list from what was typed: names and addresses never stand in one in clear.
func (s *Service) find(by actor.Actor, status, search string) (string, error) {
	search = practice.OneLine(search)
	if utf8.RuneCountInString(search) > maxSearch {
		return "", fault.Field("q", "Search must be "+strconv.Itoa(maxSearch)+" characters or fewer")
	}
	q, err := s.read(by, status, "", "")
	if err != nil || search == "" {
		return q.href(1), err
	}
	sealed, err := s.o.Keys.System().Seal("manage_search", "query_sealed", by.ID, []byte(search))
	if err != nil {
		return "", fmt.Errorf("seal a search: %w", err)
	}
	q.hidden = base64.RawURLEncoding.EncodeToString(sealed)
	return q.href(1), nil
}
