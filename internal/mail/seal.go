package mail

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"securepractice/internal/crypt"
	"securepractice/internal/db"
)

// party is the other side of a thread as one member's list shows it.
type party struct {
	ID   string // user id, or the invitation's while nobody has registered
	Name string
	Org  string // practice, or "Patient"
	All  string // everybody's name, where the other side is several people; else empty
}

// line is the name with the organisation behind it.
func (p party) line() string {
	if p.Org == "" {
		return p.Name
	}
	return p.Name + ", " + p.Org
}

// snippetLen is how many characters of a message a list shows.
const snippetLen = 140

// snippet is the beginning of a message on one line.
func snippet(body string) string {
	var b strings.Builder
	n, gap := 0, false
	for _, r := range body {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			gap = n > 0
			continue
		}
		if gap {
			b.WriteByte(' ')
			gap, n = false, n+1
		}
		if n >= snippetLen {
			return b.String() + "…"
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}

// place names a member row, whose columns are bound to it.
func (m member) place() string { return m.userID + "/" + m.threadID }

// sealMember seals what a member row shows of a thread.
func (s *Service) sealMember(ctx context.Context, r db.Reader, m *member, subject, text string) error {
	o, err := s.o.Keys.Owner(ctx, r, m.ownerID)
	if err != nil {
		return fmt.Errorf("find a member's keys: %w", err)
	}
	if err := sealParty(o, m); err != nil {
		return err
	}
	if m.subjectSealed, err = o.Seal("mail_member", "subject_sealed", m.place(), []byte(subject)); err != nil {
		return err
	}
	m.snippetSealed, err = o.Seal("mail_member", "snippet_sealed", m.place(), []byte(snippet(text)))
	return err
}

func sealParty(o crypt.Sealer, m *member) (err error) {
	m.otherSealed, err = o.Seal("mail_member", "last_from_name_sealed", m.place(), packParty(m.other))
	return err
}

// packParty writes a name and its organisation: the name's length in bytes, both texts. People choose their names, so no
// sign between the two could be trusted.
//
// A group begins with a length of 0, which no name has: then name, organisation with its length, everybody's names.
func packParty(p party) []byte {
	if p.All != "" {
		b := binary.AppendUvarint([]byte{0}, uint64(len(p.Name)))
		b = binary.AppendUvarint(append(b, p.Name...), uint64(len(p.Org)))
		return append(append(b, p.Org...), p.All...)
	}
	b := binary.AppendUvarint(nil, uint64(len(p.Name)))
	return append(append(b, p.Name...), p.Org...)
}

func unpackParty(b []byte, p *party) error {
	group := len(b) > 1 && b[0] == 0
	if group {
		b = b[1:]
	}
	name, rest, err := cutText(b)
	if err != nil {
		return err
	}
	if p.Name, p.Org, p.All = name, string(rest), ""; !group {
		return nil
	}
	if p.Org, rest, err = cutText(rest); err != nil {
		return err
	}
	p.All = string(rest)
	return nil
}

// cutText takes a text with its length from the front.
func cutText(b []byte) (string, []byte, error) {
	long, size := binary.Uvarint(b)
	n := int(long) //nolint:gosec // too large a length is refused below, as a negative or too large one
	if size <= 0 || n < 0 || n > len(b)-size {
		return "", nil, errors.New("a sealed name of another form")
	}
	return string(b[size : size+n]), b[size+n:], nil
}

// openMember opens what a member row shows its person: of what they cannot read any more, that it was there.
func (s *Service) openMember(ctx context.Context, r db.Reader, m *member) error {
	err := s.openWhole(ctx, r, m)
	m.hideEnded(s.now())
	return err
}

// openWhole opens all that a member row holds, for what is not shown to its person.
func (s *Service) openWhole(ctx context.Context, r db.Reader, m *member) error {
	o, err := s.o.Keys.Owner(ctx, r, m.ownerID)
	if err != nil {
		return fmt.Errorf("find a member's keys: %w", err)
	}
	who, err := o.Open("mail_member", "last_from_name_sealed", m.place(), m.otherSealed)
	if err != nil {
		return fmt.Errorf("open a name: %w", err)
	}
	if err := unpackParty(who, &m.other); err != nil {
		return fmt.Errorf("read a name: %w", err)
	}
	subject, err := o.Open("mail_member", "subject_sealed", m.place(), m.subjectSealed)
	if err != nil {
		return fmt.Errorf("open a subject: %w", err)
	}
	m.subject = string(subject)
	if m.snippetSealed == nil {
		return nil
	}
	text, err := o.Open("mail_member", "snippet_sealed", m.place(), m.snippetSealed)
	if err != nil {
		return fmt.Errorf("open a snippet: %w", err)
	}
	m.snippet = string(text)
	return nil
}

// unwrap opens a thread's key by one owner's wrap of it.
func (s *Service) unwrap(ctx context.Context, r db.Reader, threadID, ownerID string, wrapped []byte) (*crypt.Thread, error) {
	o, err := s.o.Keys.Owner(ctx, r, ownerID)
	if err != nil {
		return nil, fmt.Errorf("find a thread's owner: %w", err)
	}
	t, err := o.UnwrapThread(threadID, wrapped)
	if err != nil {
		return nil, fmt.Errorf("open a thread's key: %w", err)
	}
	return t, nil
}

func sealBody(t *crypt.Thread, id, body string) ([]byte, error) {
	return t.Seal("mail_message", "body_sealed", id, []byte(body))
}

func openBody(t *crypt.Thread, id string, sealed []byte) (string, error) {
	b, err := t.Open("mail_message", "body_sealed", id, sealed)
	if err != nil {
		return "", fmt.Errorf("open message %s: %w", id, err)
	}
	return string(b), nil
}
