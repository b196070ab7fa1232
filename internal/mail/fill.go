package mail

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/fault"
	"securepractice/internal/practice"
)

// placeholders are what a template may leave open, as written there.
var placeholders = []string{"{first name}", "{last name}", "{practice}", "{my name}", "{date}"}

var placeholder = regexp.MustCompile(`\{[^{}\n]{1,60}\}`)

// placeholderList is all of them for a sentence.
func placeholderList() string {
	return strings.Join(placeholders[:len(placeholders)-1], ", ") + " or " + placeholders[len(placeholders)-1]
}

// unknownPlaceholders lists what stands in braces and cannot be filled in, each once.
func unknownPlaceholders(text string) []string {
	var list []string
	for _, p := range placeholder.FindAllString(text, -1) {
		if p = practice.OneLine(p); !slices.Contains(placeholders, placeOf(p)) && !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list
}

// placeOf is a place as the list above writes it, however it was typed.
func placeOf(p string) string {
	inner := strings.Join(strings.Fields(strings.ToLower(strings.Trim(p, "{}"))), " ")
	return "{" + inner + "}"
}

// filling is what placeholders stand for. First and Last are empty when the recipient is not known: their places then stay
// open, for the writer to see.
type filling struct{ First, Last, Practice, Me, Date string }

// fill writes names into a template's text, each place once: a name that looks like a place is a name.
func (f filling) fill(text string) string {
	values := map[string]string{"{first name}": f.First, "{last name}": f.Last, "{practice}": f.Practice, "{my name}": f.Me, "{date}": f.Date}
	return placeholder.ReplaceAllStringFunc(text, func(p string) string { return cmp.Or(values[placeOf(p)], p) })
}

// addressee is what a form says of its recipient.
type addressee struct{ ThreadID, To, First, Last string }

// filling reads what a template is filled with for a recipient.
func (s *Service) filling(ctx context.Context, by actor.Actor, a addressee) (filling, error) {
	cards, err := s.o.Account.Cards(ctx, s.o.DB, []string{by.ID})
	if err != nil {
		return filling{}, err
	}
	zone := cmp.Or(account.Location(by.Zone), time.UTC)
	f := filling{Practice: cards[by.ID].Practice, Me: by.Name(), Date: s.o.Clock.Now().In(zone).Format("January 2, 2006"), First: oneLine(a.First), Last: oneLine(a.Last)}
	switch {
	case a.ThreadID != "":
		f.First, f.Last, err = s.namesInThread(ctx, by, a.ThreadID)
	case f.First+f.Last == "":
		f.First, f.Last, err = s.namesAt(ctx, by, oneLine(a.To))
	}
	return f, err
}

// namesInThread is the name of the one other person of a thread; empty when there are several.
func (s *Service) namesInThread(ctx context.Context, by actor.Actor, threadID string) (first, last string, err error) {
	m, found, err := findMember(ctx, s.o.DB, by.ID, threadID)
	if err != nil {
		return "", "", fmt.Errorf("look up a participant: %w", err)
	}
	if !found {
		return "", "", s.refuse(ctx, by, "thread", threadID)
	}
	all, err := listParticipants(ctx, s.o.DB, threadID)
	if err != nil {
		return "", "", fmt.Errorf("read who takes part: %w", err)
	}
	if len(all) > 2 {
		return "", "", nil
	}
	cards, err := s.o.Account.Cards(ctx, s.o.DB, []string{m.other.ID})
	if err != nil {
		return "", "", err
	}
	if c, known := cards[m.other.ID]; known {
		return c.First, c.Last, nil
	}
	invited, err := s.o.Invite.Cards(ctx, s.o.DB, []string{m.other.ID})
	return invited[m.other.ID].First, invited[m.other.ID].Last, err
}

// namesAt is the name of the one whose address, or name among the actor's contacts, was typed; empty when there are several. An address that is nobody's
// in particular costs one of the looks that a person has in an hour.
func (s *Service) namesAt(ctx context.Context, by actor.Actor, typed string) (first, last string, err error) {
	if typed == "" || mayCompose(by) != nil {
		return "", "", nil
	}
	var wrong fault.Fields
	several, err := s.addresses(ctx, by, typed, mostRecipients, &wrong)
	if err != nil || len(several) != 1 {
		return "", "", err
	}
	address := several[0]
	open, found, err := s.o.Invite.OpenFor(ctx, s.o.DB, by.PracticeID, address)
	if err != nil || found {
		return open.First, open.Last, err
	}
	if err := s.mayAsk(ctx, by); fault.Is(err, fault.TooMany) {
		return "", "", nil
	} else if err != nil {
		return "", "", err
	}
	c, _, err := s.o.Account.ByEmail(ctx, s.o.DB, address)
	return c.First, c.Last, err
}

// filled lists the templates of the actor's practice with the names of a recipient.
func (s *Service) filled(ctx context.Context, by actor.Actor, a addressee) ([]Template, error) {
	if err := mayReadTemplates(by); err != nil {
		return nil, err
	}
	f, err := s.filling(ctx, by, a)
	if err != nil {
		return nil, err
	}
	list, err := s.listTemplates(ctx, by, true)
	for i := range list {
		list[i].Body = f.fill(list[i].Body)
	}
	return list, err
}

// insertTemplate writes the template that a form has chosen into the form's message, for browsers without scripts.
func (s *Service) insertTemplate(ctx context.Context, by actor.Actor, w *writing) error {
	if w.template == "" {
		return fault.Field("template", "Choose a template")
	}
	t, err := s.template(ctx, by, w.template)
	if fault.Is(err, fault.NotFound) {
		return fault.Field("template", "This template is no longer there. Choose another.")
	}
	if err != nil {
		return err
	}
	d := w.draft
	f, err := s.filling(ctx, by, addressee{ThreadID: d.ThreadID, To: d.To, First: d.New.First, Last: d.New.Last})
	if err != nil {
		return err
	}
	signature, err := s.signature(ctx, by)
	w.draft.Body = insertText(d.Body, signature, f.fill(t.Body))
	return err
}

// insertText puts a text behind what was written: above the signature and above what is forwarded.
func insertText(body, signature, text string) string {
	cut := len(body)
	if i := strings.Index(body, originLine); i >= 0 {
		cut = i
	}
	if own := strings.TrimRight(body[:cut], " \t\n"); signature != "" && (own == signature || strings.HasSuffix(own, "\n"+signature)) {
		cut = len(own) - len(signature)
	}
	written, below := strings.TrimRight(body[:cut], " \t\n"), body[cut:]
	if written != "" {
		text = written + "\n\n" + text
	}
	if below != "" {
		text += "\n\n" + below
	}
	return text
}
