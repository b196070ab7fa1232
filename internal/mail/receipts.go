package mail

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"securepractice/internal/invite"
)

// receiver is how one's own message stands with one of several recipients.
type receiver struct {
	name string
	standing
}

// receivers names the recipients of the messages that have several, in one statement; a message to one person, whose name
// stands beside it, asks for none.
func (s *Service) receivers(ctx context.Context, with map[string][]receipt, invited map[string]invite.Invitation) (map[string]string, error) {
	names := map[string]string{}
	var people []string
	for _, list := range with {
		for _, c := range list {
			if len(list) > 1 && !c.pending && !slices.Contains(people, c.who) {
				people = append(people, c.who)
			}
		}
	}
	cards, err := s.o.Account.Cards(ctx, s.o.DB, people)
	if err != nil {
		return nil, fmt.Errorf("read recipients: %w", err)
	}
	for id, c := range cards {
		names[id] = c.Name
	}
	for id, i := range invited {
		names[id] = i.Name()
	}
	return names, nil
}

// standAll says how a message stands with all it was written to. With several it counts who has read it: "Read" alone
// would be true of one of them and be taken for all.
func (s *Service) standAll(m message, list []receipt, invited map[string]invite.Invitation, names map[string]string) standing {
	if m.state == Recalled {
		return standing{words: "Recalled"}
	}
	st := s.standEach(m, list, invited, names)
	st.unopened = m.state == Delivered && !slices.ContainsFunc(list, func(c receipt) bool { return c.openedAt > 0 })
	st.again = m.state == Delivered && slices.ContainsFunc(list, func(c receipt) bool {
		i := invited[c.who]
		return c.openedAt == 0 && (c.until == 0 || c.until > s.now()) && (!c.pending || i.State == "invited" || i.State == "started")
	})
	return st
}

func (s *Service) standEach(m message, list []receipt, invited map[string]invite.Invitation, names map[string]string) standing {
	switch len(list) {
	case 0:
		return stand(m, receipt{}, invite.Invitation{})
	case 1:
		return s.late(stand(m, list[0], invited[list[0].who]), m, list[0], invited[list[0].who])
	}
	all := standing{waits: true}
	read := 0
	for _, c := range list {
		one := s.late(stand(m, c, invited[c.who]), m, c, invited[c.who])
		all.each = append(all.each, receiver{names[c.who], one})
		all.waits = all.waits && one.waits
		all.resend = all.resend || one.resend
		all.edit = cmp.Or(all.edit, one.edit)
		if !one.readAt.IsZero() {
			read++
		}
	}
	slices.SortFunc(all.each, func(a, b receiver) int { return cmp.Compare(a.name, b.name) })
	all.words = fmt.Sprintf("Read by %d of %d", read, len(list))
	if m.state == Waiting {
		st := stand(m, receipt{}, invite.Invitation{})
		all.words, all.leaves = st.words, st.leaves
	}
	return all
}
