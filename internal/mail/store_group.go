package mail

import (
	"context"

	"securepractice/internal/db"
)

// inCircle is one who takes part in a thread: a person, or an invitation.
type inCircle struct {
	id         string
	invitation bool
}

// listCircle lists who takes part in a thread: its members, those a message is still on its way to, and, marked, the
// invitations its messages wait with.
func listCircle(ctx context.Context, r db.Reader, threadID string) ([]inCircle, error) {
	return db.All(ctx, r, func(row db.Row) (inCircle, error) {
		var a inCircle
		err := row(&a.id, &a.invitation)
		return a, err
	}, `
		SELECT user_id, FALSE
		FROM mail_member
		WHERE thread_id = $1
		UNION
		SELECT d.user_id, FALSE
		FROM mail_message m
		JOIN mail_delivery d ON d.message_id = m.id
		WHERE m.thread_id = $1 AND m.state = 'waiting' AND d.role = 'to'
		UNION
		SELECT invitation_id, TRUE
		FROM mail_pending
		WHERE thread_id = $1 AND state = 'waiting'
		ORDER BY 1`, threadID)
}

// listHave lists those among some messages that were written by or to a person.
func listHave(ctx context.Context, r db.Reader, userID string, messageIDs []string) ([]string, error) {
	list, args := db.In(2, messageIDs)
	return db.All(ctx, r, db.Scan1[string], `
		SELECT message_id
		FROM mail_delivery
		WHERE user_id = $1 AND message_id IN `+list, append([]any{userID}, args...)...)
}
