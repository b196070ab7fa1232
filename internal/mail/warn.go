package mail

import (
	"context"
	"fmt"

	"securepractice/internal/db"
	"securepractice/internal/notify"
)

const noticeVirus = "mail.virus"

// registerWarning makes the warning known. It names neither the file nor who sent it.
func (s *Service) registerWarning() {
	s.o.Notify.Register(notify.Template{Name: noticeVirus, Render: func(_ context.Context, _ db.Reader, p notify.Params) (notify.Content, error) {
		link := s.o.Notify.URL("/mail/t/" + p["thread"])
		return notify.Content{Subject: "Do not open a file that you may have saved", Links: []string{link},
			Body: "A file in a secure message that you sent or received was now found to contain a virus. It cannot be opened there any more. If you saved it on your computer or phone, do not open it; delete it there, and tell whoever looks after your computers.\n\nTo see which file it is, sign in:\n\n" + link}, nil
	}})
}

// warn tells everybody who has a delivered message that a file of it was found infected by signatures that came later.
// Of a message that was not delivered nobody has the file.
func (s *Service) warn(ctx context.Context, tx *db.Tx, m stored) error {
	if m.state != Delivered {
		return nil
	}
	files, err := s.o.Attach.Standing(ctx, tx, holder(m.id))
	if err != nil || !files.Infected {
		return err
	}
	list, err := listReceipts(ctx, tx, []string{m.id})
	if err != nil {
		return fmt.Errorf("find who has a message: %w", err)
	}
	people := []string{m.authorID}
	for _, c := range list {
		if !c.pending {
			people = append(people, c.who)
		}
	}
	cards, err := s.o.Account.Cards(ctx, tx, people)
	if err != nil {
		return err
	}
	for _, c := range cards {
		err := s.o.Notify.Send(ctx, tx, notify.Message{Kind: notify.Email, To: c.Email, Template: noticeVirus, UserID: c.ID, PracticeID: c.PracticeID,
			Params: notify.Params{"thread": m.threadID}})
		if err != nil {
			return err
		}
	}
	return nil
}
