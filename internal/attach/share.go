package attach

import (
	"context"
	"fmt"

	"securepractice/internal/db"
)

// Share gives the files of one holder to another as well: new links to the same stored bytes, each with its name and the
// file's key sealed for whoever opens the new holder. No byte is stored twice, and each holder hears of a verdict. Sealed
// by a thread the new holder is closed, and rejected or infected files make Share refuse as they do Move.
func (s *Service) Share(ctx context.Context, tx *db.Tx, m Move) (Moved, error) {
	sent := sealerKind(m.Seal) == "thread"
	if err := takeHolder(ctx, tx, m.From); err != nil {
		return Moved{}, fmt.Errorf("share attachments: %w", err)
	}
	if err := setHolder(ctx, tx, m.To, sent); err != nil {
		return Moved{}, fmt.Errorf("share attachments: %w", err)
	}
	if err := lockFiles(ctx, tx, m.From); err != nil {
		return Moved{}, fmt.Errorf("share attachments: %w", err)
	}
	links, err := listLinks(ctx, tx, []string{m.From})
	if err != nil {
		return Moved{}, fmt.Errorf("share attachments: %w", err)
	}
	moved := standing(links)
	if len(links) == 0 || sent && moved.Blocked {
		return moved, nil
	}
	for i := range links {
		if err := s.relink(&links[i], m); err != nil {
			return Moved{}, err
		}
	}
	if err := saveLinks(ctx, tx, links); err != nil {
		return Moved{}, fmt.Errorf("share attachments: %w", err)
	}
	return moved, nil
}

// relink makes of a link another one to the same file.
func (s *Service) relink(l *link, m Move) error {
	name, err := l.name(m.Open)
	if err != nil {
		return err
	}
	dek, err := l.key(m.Open)
	if err != nil {
		return err
	}
	l.id, l.holder, l.sealedBy, l.nameMAC = db.NewID(), m.To, sealerKind(m.Seal), s.nameMAC(m.To, name)
	return l.seal(m.Seal, name, dek)
}
