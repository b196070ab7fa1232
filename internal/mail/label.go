package mail

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"securepractice/internal/actor"
	"securepractice/internal/db"
	"securepractice/internal/fault"
)

// What a person may have of labels.
const (
	maxLabels    = 50
	maxLabelName = 40 // characters
)

// ownLabel is a person's own mark for conversations. Nobody else sees it.
type ownLabel struct {
	id, name string
	colour   int64 // 1 to 8: one of the filing tabs'
	on       bool  // worn by the conversation that was asked about
}

// colours names the filing tabs' colours, so that none is told by its look alone.
var colours = []string{"Rust", "Ochre", "Olive", "Green", "Teal", "Blue", "Purple", "Rose"}

// margin is what stands beside every list.
type margin struct {
	drafts int64
	labels []ownLabel // by name
}

// margin reads it; on of a label is about threadID, which may be empty.
func (s *Service) margin(ctx context.Context, by actor.Actor, threadID string) (margin, error) {
	drafts, rows, err := listRail(ctx, s.o.DB, by.ID, threadID)
	if err != nil {
		return margin{}, fmt.Errorf("read what stands beside a list: %w", err)
	}
	labels, err := s.openLabels(ctx, rows)
	return margin{drafts: drafts, labels: labels}, err
}

func (s *Service) openLabels(ctx context.Context, rows []labelRow) ([]ownLabel, error) {
	var list []ownLabel
	for _, r := range rows {
		o, err := s.o.Keys.Owner(ctx, s.o.DB, r.ownerID)
		if err != nil {
			return nil, fmt.Errorf("find a label's keys: %w", err)
		}
		name, err := o.Open("mail_label_name", "name_sealed", r.userID+"/"+r.id, r.sealed)
		if err != nil {
			return nil, fmt.Errorf("open a label's name: %w", err)
		}
		list = append(list, ownLabel{id: r.id, name: string(name), colour: r.colour, on: r.on})
	}
	slices.SortFunc(list, func(a, b ownLabel) int { return strings.Compare(sameName(a.name), sameName(b.name)) })
	return list, nil
}

// sameName is the form in which two names are one.
func sameName(name string) string {
	return strings.Join(strings.Fields(strings.ToLower(norm.NFKC.String(name))), " ")
}

// labelIn finds a label by its id.
func labelIn(list []ownLabel, id string) (ownLabel, bool) {
	i := slices.IndexFunc(list, func(l ownLabel) bool { return l.id == id })
	if i < 0 {
		return ownLabel{}, false
	}
	return list[i], true
}

// named is a label's row as it is to be stored.
func (s *Service) named(ctx context.Context, r db.Reader, by actor.Actor, l ownLabel) (labelRow, error) {
	o, err := s.o.Keys.Owner(ctx, r, by.OwnerID)
	if err != nil {
		return labelRow{}, fmt.Errorf("find a person's keys: %w", err)
	}
	row := labelRow{userID: by.ID, id: l.id, ownerID: by.OwnerID, colour: l.colour, mac: s.o.Keys.MAC("mail label", by.ID, sameName(l.name))}
	row.sealed, err = o.Seal("mail_label_name", "name_sealed", by.ID+"/"+l.id, []byte(l.name))
	return row, err
}

// checkLabel refuses what cannot be a label.
func checkLabel(l *ownLabel) error {
	var f fault.Fields
	l.name = strings.Join(strings.Fields(oneLine(l.name)), " ")
	switch {
	case blank(l.name):
		f.Add("name", "Enter a name")
	case utf8.RuneCountInString(l.name) > maxLabelName:
		f.Add("name", fmt.Sprintf("Name must be %d characters or fewer", maxLabelName))
	}
	if l.colour < 1 || l.colour > int64(len(colours)) {
		f.Add("colour", "Choose a color")
	}
	return f.Err()
}

var (
	errSameLabel = fault.Field("name", "You have a label of this name already")
	errManyLabel = fault.Field("name", fmt.Sprintf("You have %d labels, the most there can be. Delete one first.", maxLabels))
)

// makeLabel adds a label to the actor's and tells its id.
func (s *Service) makeLabel(ctx context.Context, by actor.Actor, l ownLabel) (string, error) {
	if err := checkLabel(&l); err != nil {
		return "", err
	}
	l.id = db.NewID()
	for {
		made := false
		err := s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) (err error) {
			made, err = s.addLabel(ctx, tx, by, l)
			return err
		})
		if made || err != nil {
			return l.id, err
		}
	}
}

// addLabel is false when another window has taken the slot meanwhile.
func (s *Service) addLabel(ctx context.Context, tx *db.Tx, by actor.Actor, l ownLabel) (bool, error) {
	row, err := s.named(ctx, tx, by, l)
	if err != nil {
		return false, err
	}
	same, err := hasLabelNamed(ctx, tx, row)
	if err != nil {
		return false, fmt.Errorf("look for a label: %w", err)
	}
	if same {
		return false, errSameLabel
	}
	_, have, err := listRail(ctx, tx, by.ID, "")
	if err != nil {
		return false, fmt.Errorf("list labels: %w", err)
	}
	if row.slot = freeSlot(have); row.slot > maxLabels {
		return false, errManyLabel
	}
	made, err := insertLabel(ctx, tx, row)
	if err != nil {
		return false, fmt.Errorf("make a label: %w", err)
	}
	return made, nil
}

func freeSlot(have []labelRow) int64 {
	slot := int64(1)
	for slices.ContainsFunc(have, func(l labelRow) bool { return l.slot == slot }) {
		slot++
	}
	return slot
}

// editLabel gives one of the actor's labels another name or colour.
func (s *Service) editLabel(ctx context.Context, by actor.Actor, l ownLabel) error {
	if err := checkLabel(&l); err != nil {
		return err
	}
	return s.onLabel(ctx, by, l.id, func(ctx context.Context, tx *db.Tx) error {
		row, err := s.named(ctx, tx, by, l)
		if err != nil {
			return err
		}
		same, err := hasLabelNamed(ctx, tx, row)
		if err != nil {
			return fmt.Errorf("look for a label: %w", err)
		}
		if same {
			return errSameLabel
		}
		return updateLabel(ctx, tx, row)
	})
}

// removeLabel deletes one of the actor's labels. Its conversations stay where they are.
func (s *Service) removeLabel(ctx context.Context, by actor.Actor, id string) error {
	return s.onLabel(ctx, by, id, func(ctx context.Context, tx *db.Tx) error {
		_, err := deleteLabel(ctx, tx, by.ID, id)
		return err
	})
}

// onLabel runs an act on one of the actor's labels.
func (s *Service) onLabel(ctx context.Context, by actor.Actor, id string, act func(ctx context.Context, tx *db.Tx) error) error {
	err := s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		mine, err := holdLabel(ctx, tx, by.ID, id)
		if err != nil {
			return fmt.Errorf("hold a label: %w", err)
		}
		if !mine {
			return fault.ErrNotFound()
		}
		if err := act(ctx, tx); err != nil {
			return fmt.Errorf("change a label: %w", err)
		}
		return nil
	})
	if fault.Is(err, fault.NotFound) {
		return s.refuse(ctx, by, "label", id)
	}
	return err
}

// wear puts a label on some of the actor's conversations, or takes it off, and counts them. Others' are not there.
func (s *Service) wear(ctx context.Context, by actor.Actor, labelID string, threadIDs []string, on bool) (n int, err error) {
	err = s.onLabel(ctx, by, labelID, func(ctx context.Context, tx *db.Tx) error {
		held, err := holdMembers(ctx, tx, by.ID, threadIDs)
		if err != nil || len(held) == 0 {
			return err
		}
		n = len(held)
		if on {
			return putLabel(ctx, tx, by.ID, labelID, held)
		}
		return takeLabel(ctx, tx, by.ID, labelID, held)
	})
	return n, err
}
