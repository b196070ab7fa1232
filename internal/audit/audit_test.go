package audit_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/clock"
	"securepractice/internal/crypt/crypttest"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
)

var dana = actor.Actor{Kind: actor.User, ID: "u-dana", PracticeID: "p-harbor", SessionID: "s-1", IP: "192.0.2.7", Agent: "Browser\x00 " + strings.Repeat("é", 300)}

func newService(t *testing.T, d *db.DB) (*audit.Service, *clock.Clock) {
	t.Helper()
	now := clock.Fixed(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC))
	return audit.New(audit.Options{DB: d, Keys: crypttest.Keys(t, d), Clock: now}), now
}

func record(t *testing.T, d *db.DB, s *audit.Service, e audit.Event) error {
	t.Helper()
	return d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error { return s.Record(ctx, tx, dana, e) })
}

func exec(t *testing.T, d *db.DB, query string, args ...any) {
	t.Helper()
	err := d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, query, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func problems(t *testing.T, s *audit.Service) []string {
	t.Helper()
	r, err := s.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r.Problems
}

func TestUntouchedTrailVerifies(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, _ := newService(t, d)
		for range 450 { // more than two seals
			if err := record(t, d, s, audit.Event{Action: audit.MailSent, SubjectKind: "message", SubjectID: "m1", Detail: map[string]string{"files": "3"}}); err != nil {
				t.Fatal(err)
			}
		}
		n, err := s.Seal(t.Context())
		if err != nil || n != 450 {
			t.Fatalf("sealed %d (%v), want 450", n, err)
		}
		if err := record(t, d, s, audit.Event{Action: audit.Signout}); err != nil {
			t.Fatal(err)
		}
		r, err := s.Verify(t.Context())
		if err != nil || len(r.Problems) != 0 {
			t.Fatalf("problems %q, err %v", r.Problems, err)
		}
		if r.Seals != 3 || r.Events != 451 || r.Pending != 1 {
			t.Errorf("report %+v", r)
		}
	})
}

// Whoever can write to the database can still not change the trail unseen. The statements run as the owner would; on
// PostgreSQL the program's own role cannot run them at all (TestProgramMayNotChangeTheTrail).
func TestVerifyNamesTampering(t *testing.T) {
	for name, tamper := range map[string]string{
		"changed":            "UPDATE audit_event SET action = 'signout' WHERE id = (SELECT MIN(id) FROM audit_event)",
		"removed":            "DELETE FROM audit_event WHERE id = (SELECT MIN(id) FROM audit_event)",
		"removed everywhere": "DELETE FROM audit_seal_event WHERE pos = 0",
		"reordered":          "UPDATE audit_seal_event SET pos = 99 WHERE pos = 0",
		"seal changed":       "UPDATE audit_seal SET at = at + 1",
		"seal removed":       "DELETE FROM audit_seal WHERE n = 1",
		"hidden":             "DELETE FROM audit_pending",
	} {
		t.Run(name, func(t *testing.T) {
			d := dbtest.SQLite(t)
			s, now := newService(t, d)
			for i := range 6 {
				if err := record(t, d, s, audit.Event{Action: audit.MailView, ThreadID: "t1"}); err != nil {
					t.Fatal(err)
				}
				if i == 2 || i == 4 {
					if _, err := s.Seal(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				now.Advance(time.Second)
			}
			if p := problems(t, s); len(p) != 0 {
				t.Fatalf("before: %q", p)
			}
			exec(t, d, tamper)
			if p := problems(t, s); len(p) == 0 {
				t.Error("nobody noticed")
			}
		})
	}
}

func TestForgedEventIsNoticed(t *testing.T) {
	d := dbtest.SQLite(t)
	s, _ := newService(t, d)
	exec(t, d, `INSERT INTO audit_event (id, at, action, outcome, actor_kind, detail, row_mac) VALUES ('x', 1, 'signin.ok', 'ok', 'user', '{}', x'00')`)
	if p := problems(t, s); len(p) == 0 {
		t.Error("an event that nobody recorded was taken for true")
	}
}

func TestUnsealedTooLongIsNoticed(t *testing.T) {
	d := dbtest.SQLite(t)
	s, now := newService(t, d)
	if err := record(t, d, s, audit.Event{Action: audit.Signout}); err != nil {
		t.Fatal(err)
	}
	now.Advance(2 * time.Minute)
	if p := problems(t, s); len(p) != 1 {
		t.Errorf("problems %q, want the one overdue event", p)
	}
}

func TestDetailsAreIdsAndNumbers(t *testing.T) {
	d := dbtest.SQLite(t)
	s, _ := newService(t, d)
	for _, v := range []string{"Ruth Okafor", "ruth@example.org", "crown, upper left", strings.Repeat("x", 65), "ü"} {
		if err := record(t, d, s, audit.Event{Action: audit.MailSent, Detail: map[string]string{"x": v}}); err == nil {
			t.Errorf("%q was recorded", v)
		}
	}
	n, _, err := db.One(t.Context(), d, db.Scan1[int64], "SELECT COUNT(*) FROM audit_event")
	if err != nil || n != 0 {
		t.Errorf("%d events stored (%v): an act whose event is refused must not happen", n, err)
	}
}

func TestTwoSealersAtOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		keys := crypttest.Keys(t, d)
		now := clock.Fixed(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC))
		var nodes []*audit.Service
		for range 3 {
			nodes = append(nodes, audit.New(audit.Options{DB: d, Keys: keys, Clock: now}))
		}
		var wg sync.WaitGroup
		for i := range 60 {
			wg.Go(func() {
				if err := record(t, d, nodes[i%3], audit.Event{Action: audit.MailView}); err != nil {
					t.Error(err)
				}
				if _, err := nodes[i%3].Seal(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, s := range nodes {
			if _, err := s.Seal(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		r, err := nodes[0].Verify(t.Context())
		if err != nil || len(r.Problems) != 0 || r.Events != 60 || r.Pending != 0 {
			t.Errorf("report %+v, err %v", r, err)
		}
	})
}

func TestProgramMayNotChangeTheTrail(t *testing.T) {
	d := dbtest.Postgres(t)
	s, _ := newService(t, d)
	if err := record(t, d, s, audit.Event{Action: audit.Signout}); err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{
		"UPDATE audit_event SET action = 'x'", "DELETE FROM audit_event", "DELETE FROM audit_seal", "UPDATE audit_seal SET at = 0",
		"DELETE FROM audit_seal_event", "DROP TABLE audit_event", "ALTER TABLE audit_event ADD COLUMN x TEXT", "CREATE TABLE x (id TEXT)", "TRUNCATE audit_event",
	} {
		err := d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, q)
			return err
		})
		if err == nil {
			t.Errorf("the program's role may run %q", q)
		}
	}
}
