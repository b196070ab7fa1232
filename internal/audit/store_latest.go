package audit

import (
	"context"
	"time"

	"securepractice/internal/db"
)

func listLatest(ctx context.Context, r db.Reader, actorID, action string, most int) ([]Past, error) {
	return db.All(ctx, r, func(row db.Row) (Past, error) {
		var p Past
		var at int64
		err := row(&at, &p.IP, &p.Agent)
		p.At = time.UnixMicro(at)
		return p, err
	}, `
		SELECT at, COALESCE(ip, ''), COALESCE(agent, '')
		FROM audit_event
		WHERE actor_id = $1 AND action = $2 AND outcome = 'ok'
		ORDER BY at DESC, id DESC
		LIMIT $3`, actorID, action, most)
}
