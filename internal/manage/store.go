package manage

import (
	"context"

	"securepractice/internal/db"
)

// row is a line of the list: an account of the practice, or an invitation by it.
type row struct {
	id, first, last, email, role, state string
	member, twoStep, wrongNumber        bool
}

func scanRow(r db.Row) (row, error) {
	var p row
	err := r(&p.member, &p.id, &p.first, &p.last, &p.email, &p.role, &p.state, &p.twoStep, &p.wrongNumber)
	return p, err
}

// listPeople is one page and a row more, by name. The people of one practice are a few thousand at most and are sorted
// each time. LOWER knows other letters than a to z on PostgreSQL only, so a name is also compared as it was typed.
// Invitations that became members are listed as those.
func listPeople(ctx context.Context, r db.Reader, practiceID string, q query, t terms) ([]row, error) {
	return db.All(ctx, r, scanRow, `
		SELECT member, id, first_name, last_name, email, role, state, two_step, wrong_number
		FROM (
			SELECT TRUE AS member, u.id, u.first_name, u.last_name, u.email, u.email_canon, u.role, u.state, u.two_step, FALSE AS wrong_number,
				LOWER(u.last_name || ' ' || u.first_name) AS sorted, 'registered' AS standing
			FROM account_user u
			WHERE u.practice_id = $1
			UNION ALL
			SELECT FALSE, i.id, i.first_name, i.last_name, i.email, i.email_canon, i.role, i.state, i.two_step, i.wrong_number_at IS NOT NULL,
				LOWER(i.last_name || ' ' || i.first_name), CASE i.state WHEN 'started' THEN 'started' WHEN 'accepted' THEN 'registered' ELSE 'invited' END
			FROM invite_invitation i
			WHERE i.practice_id = $1 AND (i.state IN ('invited', 'started', 'held')
				OR i.state = 'accepted' AND NOT EXISTS (SELECT 1 FROM account_user m WHERE m.id = i.accepted_by AND m.practice_id = $1))
		) people
		WHERE ($2 = '' OR standing = $2)
			AND (sorted LIKE $3 ESCAPE '\' AND sorted LIKE $4 ESCAPE '\' AND sorted LIKE $5 ESCAPE '\'
				OR first_name || ' ' || last_name LIKE $6 ESCAPE '\'
				OR email_canon LIKE $7 ESCAPE '\')
		ORDER BY sorted, id
		LIMIT $8 OFFSET $9`, practiceID, q.status, t.words[0], t.words[1], t.words[2], t.typed, t.email, pageSize+1, (q.page-1)*pageSize)
}

// listSignIns says when people last signed in, in µs, from one range of the trail each.
func listSignIns(ctx context.Context, r db.Reader, ids []string) (map[string]int64, error) {
	last := map[string]int64{}
	if len(ids) == 0 {
		return last, nil
	}
	in, args := db.In(1, ids)
	type signIn struct {
		id string
		at int64
	}
	all, err := db.All(ctx, r, func(row db.Row) (signIn, error) {
		var i signIn
		err := row(&i.id, &i.at)
		return i, err
	}, `
		SELECT subject_id, MAX(at)
		FROM audit_event
		WHERE action = 'signin.ok' AND subject_id IN `+in+`
		GROUP BY subject_id`, args...)
	for _, i := range all {
		last[i.id] = i.at
	}
	return last, err
}
