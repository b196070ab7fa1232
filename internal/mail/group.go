package mail

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/db"
	"securepractice/internal/invite"
)

// shownFully is how many participants a heading names before it folds the rest into "and 3 others".
const shownFully = 4

// openInvitations are the states in which an invitation still brings its person what waits.
var openInvitations = []string{"invited", "started", "held"}

// without is how a thread of these people is called in the list of one of them: the one other person, or a group that
// begins with the person first, if they are in it.
func without(all []party, self, first string) party {
	rest := slices.DeleteFunc(slices.Clone(all), func(p party) bool { return p.ID == self })
	slices.SortStableFunc(rest, func(a, b party) int {
		if (a.ID == first) != (b.ID == first) {
			if a.ID == first {
				return -1
			}
			return 1
		}
		return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	return groupOf(rest)
}

// groupOf is several people as one line of a list names them: "Ann Ortiz and 2 others". An organisation stands below only
// when it is everybody's.
func groupOf(list []party) party {
	switch len(list) {
	case 0:
		return party{}
	case 1:
		return list[0]
	}
	g := party{ID: list[0].ID, Org: list[0].Org}
	names := make([]string, len(list))
	for i, p := range list {
		names[i] = p.Name
		if p.Org != g.Org {
			g.Org = ""
		}
	}
	g.All, g.Name = joinNames(names), list[0].Name+" and "+names[1]
	if len(list) > 2 {
		g.Name = list[0].Name + " and " + count(int64(len(list)-1), "other", "others")
	}
	return g
}

// joinNames writes "Ann, Ben and Cy".
func joinNames(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// whole names everybody, where a row has the room.
func (p party) whole() party {
	if p.All != "" {
		p.Name = p.All
	}
	return p
}

// everybody are the author and all a message goes to, those with closed accounts too: the thread stays theirs.
func (o outgoing) everybody() []party {
	all := []party{partyOf(o.author)}
	for _, r := range o.to {
		all = append(all, r.party())
	}
	for _, c := range o.closed {
		all = append(all, partyOf(c))
	}
	return all
}

// participant is one of the others in a thread of several.
type participant struct {
	party
	person  bool // registered
	closed  bool // their account is; they get nothing more
	pending bool // invited, not here yet
}

// described is the participant with where they belong: "Ann Ortiz (Harbor Point Dental)".
func (p participant) described() string {
	if p.Org == "" {
		return p.Name
	}
	return p.Name + " (" + p.Org + ")"
}

// circle reads who takes part in a thread, apart from one person: members, those a message is on its way to, and those
// whose invitation is open.
func (s *Service) circle(ctx context.Context, r db.Reader, threadID, apart string) (people []account.Card, invited []invite.Invitation, err error) {
	all, err := listCircle(ctx, r, threadID)
	if err != nil {
		return nil, nil, fmt.Errorf("read who takes part: %w", err)
	}
	var ids, invitations []string
	for _, a := range all {
		switch {
		case a.invitation:
			invitations = append(invitations, a.id)
		case a.id != apart:
			ids = append(ids, a.id)
		}
	}
	cards, err := s.o.Account.Cards(ctx, r, ids)
	if err != nil {
		return nil, nil, err
	}
	waiting, err := s.o.Invite.Cards(ctx, r, invitations)
	if err != nil {
		return nil, nil, err
	}
	for _, id := range ids {
		people = append(people, cards[id])
	}
	for _, id := range invitations {
		if slices.Contains(openInvitations, waiting[id].State) {
			invited = append(invited, waiting[id])
		}
	}
	return people, invited, nil
}

// withWhom fills in who else is in a thread of several, by name.
func (s *Service) withWhom(ctx context.Context, by actor.Actor, t *thread) error {
	if t.other.All == "" {
		return nil
	}
	people, invited, err := s.circle(ctx, s.o.DB, t.id, by.ID)
	if err != nil {
		return err
	}
	for _, c := range people {
		t.with = append(t.with, participant{party: partyOf(c), person: true, closed: !c.Active})
	}
	for _, i := range invited {
		t.with = append(t.with, participant{party: recipient{invited: i}.party(), pending: true})
	}
	slices.SortStableFunc(t.with, func(a, b participant) int {
		return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	return nil
}

// folded names the first few of a list and counts the rest.
func folded(names []string) string {
	if len(names) > shownFully {
		return strings.Join(names[:shownFully-1], ", ") + " and " + count(int64(len(names)-shownFully+1), "other", "others")
	}
	return joinNames(names)
}

// withNames says with whom a conversation is; whole names everybody, however many there are.
func (t thread) withNames(whole bool) string {
	if len(t.with) == 0 {
		return t.other.line()
	}
	names := make([]string, len(t.with))
	for i, p := range t.with {
		names[i] = p.described()
	}
	if whole {
		return joinNames(names)
	}
	return folded(names)
}

// isFolded says that the heading does not name everybody.
func (t thread) isFolded() bool { return len(t.with) > shownFully }

// reaches names those a reply goes to.
func (t thread) reaches() string {
	if len(t.with) == 0 {
		return t.other.Name
	}
	var names []string
	for _, p := range t.with {
		if !p.closed {
			names = append(names, p.Name)
		}
	}
	return folded(names)
}

// misses says who gets no reply, and why; empty when everybody does.
func (t thread) misses() string {
	var names []string
	for _, p := range t.with {
		if p.closed {
			names = append(names, p.Name)
		}
	}
	switch len(names) {
	case 0:
		return ""
	case 1:
		return names[0] + "’s account is closed, so they will not get your message."
	}
	return "The accounts of " + joinNames(names) + " are closed, so they will not get your message."
}

// awaits says who gets a reply once they have registered.
func (t thread) awaits() string {
	var names []string
	for _, p := range t.with {
		if p.pending {
			names = append(names, p.Name)
		}
	}
	switch len(names) {
	case 0:
		return ""
	case 1:
		return names[0] + " has not registered yet. Your message waits for them."
	}
	return joinNames(names) + " have not registered yet. Your message waits for them."
}
