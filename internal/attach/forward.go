package attach

import (
	"context"
	"fmt"

	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/ui"
)

// Copy says whose files are to be had by whom besides, who opens the links now and who is to open the new ones.
type Copy struct {
	From, To   string
	Open, Seal crypt.Sealer
}

// Copy gives the clean files of one holder to another as well, under new links with names and keys sealed anew; no byte
// is copied, and a file lives as long as one link to it does. It returns how many files those are. A holder that is
// closed, that has a file of the same name, or that would pass its limits refuses all of them. The caller has checked
// that the actor may read the one holder and add to the other.
func (s *Service) Copy(ctx context.Context, tx *db.Tx, c Copy) (int, error) {
	open, err := lockHolder(ctx, tx, c.To)
	if err != nil {
		return 0, fmt.Errorf("copy attachments: %w", err)
	}
	if !open {
		return 0, closedFault()
	}
	if err := lockFiles(ctx, tx, c.From); err != nil {
		return 0, fmt.Errorf("copy attachments: %w", err)
	}
	links, err := listLinks(ctx, tx, []string{c.From})
	if err != nil {
		return 0, fmt.Errorf("copy attachments: %w", err)
	}
	var copies []link
	for _, l := range links {
		if l.state != Clean {
			continue
		}
		if l, err = s.copied(l, c); err != nil {
			return 0, err
		}
		copies = append(copies, l)
	}
	if len(copies) == 0 {
		return 0, nil
	}
	if err := s.fits(ctx, tx, c, copies); err != nil {
		return 0, err
	}
	if err := saveLinks(ctx, tx, copies); err != nil {
		return 0, fmt.Errorf("copy attachments: %w", err)
	}
	return len(copies), nil
}

// copied is a new link to the same file.
func (s *Service) copied(l link, c Copy) (link, error) {
	name, err := l.name(c.Open)
	if err != nil {
		return l, err
	}
	dek, err := l.key(c.Open)
	if err != nil {
		return l, err
	}
	l.holder, l.id, l.sealedBy, l.nameMAC = c.To, db.NewID(), sealerKind(c.Seal), s.nameMAC(c.To, name)
	return l, l.seal(c.Seal, name, dek)
}

// fits refuses what the holder cannot take, and puts the copies behind what it has.
func (s *Service) fits(ctx context.Context, tx *db.Tx, c Copy, copies []link) error {
	var size int64
	var has held
	for i, l := range copies {
		var err error
		if has, err = readHeld(ctx, tx, c.To, l.nameMAC); err != nil {
			return fmt.Errorf("copy attachments: %w", err)
		}
		if has.double {
			name, err := l.name(c.Seal)
			if err != nil {
				return err
			}
			return doubleFault(name)
		}
		size += l.body.size
		copies[i].pos = has.pos + int64(i) + 1
	}
	if has.files+int64(len(copies)) > s.set.MaxFiles {
		return s.tooManyFault()
	}
	if has.size+size > s.set.MaxTotal {
		return fault.Field(field, "These attachments together are larger than "+ui.Bytes(s.set.MaxTotal)+", the most one message can have.")
	}
	return nil
}
