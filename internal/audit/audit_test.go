package audit_test

import (
	"context"
	"errors"
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

// eachOwned runs fn on both engines with the database as the program has it and as its owner has it, who may write
// whatever they like.
func eachOwned(t *testing.T, fn func(t *testing.T, program, owner *db.DB)) {
	t.Run("sqlite", func(t *testing.T) {
		d := dbtest.SQLite(t)
		fn(t, d, d)
	})
	t.Run("postgres", func(t *testing.T) {
		ownerURL, programURL := dbtest.PostgresURLs(t)
		fn(t, open(t, programURL), open(t, ownerURL))
	})
}

func open(t *testing.T, url string) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), url, db.Options{Conns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// sixEvents is a trail of two seals, of three and two events, and one event that waits.
func sixEvents(t *testing.T, d *db.DB) *audit.Service {
	t.Helper()
	s, now := newService(t, d)
	for i := range 6 {
		if err := record(t, d, s, audit.Event{Action: audit.MailView, ThreadID: "t1"}); err != nil {
			t.Fatal(err)
		}
		now.Advance(time.Second)
		if i == 2 || i == 4 {
			if _, err := s.Seal(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if p := problems(t, s); len(p) != 0 {
		t.Fatalf("before: %q", p)
	}
	return s
}

// Whoever owns the database can still not change the trail unseen: Verify says what was done.
func TestVerifyNamesTampering(t *testing.T) {
	const first, last = "(SELECT MIN(id) FROM audit_event)", "(SELECT MAX(id) FROM audit_event)"
	for name, c := range map[string]struct{ want, tamper string }{
		"event changed":         {"was changed", "UPDATE audit_event SET action = 'signout' WHERE id = " + first},
		"whose event changed":   {"was changed", "UPDATE audit_event SET actor_id = 'u-eve' WHERE id = " + first},
		"waiting event changed": {"was changed", "UPDATE audit_event SET at = at + 1 WHERE id = " + last},
		"event removed":         {"was removed", "DELETE FROM audit_event WHERE id = " + first},
		"waiting event removed": {"was removed before it was sealed", "DELETE FROM audit_event WHERE id = " + last},
		"place removed":         {"seal 1 holds 2 events, not 3", "DELETE FROM audit_seal_event WHERE n = 1 AND pos = 2"},
		"reordered":             {"seal 1: its events were reordered", "UPDATE audit_seal_event SET pos = 99 WHERE n = 1 AND pos = 0"},
		"moved to another seal": {"seal 1 holds 2 events, not 3", "UPDATE audit_seal_event SET n = 2, pos = 99 WHERE n = 1 AND pos = 0"},
		"emptied":               {"seal 2 holds 0 events, not 2", "DELETE FROM audit_seal_event WHERE n = 2"},
		"seal changed":          {"seal 2 was changed", "UPDATE audit_seal SET at = at + 1 WHERE n = 2"},
		"signature changed":     {"seal 2 was changed", "UPDATE audit_seal SET signature = (SELECT s.signature FROM audit_seal s WHERE s.n = 1) WHERE n = 2"},
		"first seal removed":    {"seal 1 is missing", "DELETE FROM audit_seal WHERE n = 1"},
		"last seal removed":     {"stands outside the chain", "DELETE FROM audit_seal WHERE n = 2"},
		"hidden":                {"stands outside the chain", "DELETE FROM audit_pending"},
		"inserted": {"was changed", `INSERT INTO audit_event (id, at, action, outcome, actor_kind, detail, row_mac)
			SELECT 'x', at, action, outcome, actor_kind, detail, row_mac FROM audit_event WHERE id = ` + first + `; INSERT INTO audit_pending (event_id) VALUES ('x')`},
		"inserted into a seal that is none": {"event x stands outside the chain", `INSERT INTO audit_event (id, at, action, outcome, actor_kind, detail, row_mac)
			SELECT 'x', at, action, outcome, actor_kind, detail, row_mac FROM audit_event WHERE id = ` + first + `; INSERT INTO audit_seal_event (n, pos, event_id) VALUES (99, 0, 'x')`},
	} {
		t.Run(name, func(t *testing.T) {
			eachOwned(t, func(t *testing.T, program, owner *db.DB) {
				s := sixEvents(t, program)
				for _, statement := range strings.Split(c.tamper, ";") {
					exec(t, owner, statement)
				}
				if p := problems(t, s); !strings.Contains(strings.Join(p, "\n"), c.want) {
					t.Errorf("problems %q, want one that says %q", p, c.want)
				}
			})
		})
	}
}

// An event removed before its seal was made is missed for ever, not only until the seal.
func TestRemovedBeforeItsSealIsMissedAfterIt(t *testing.T) {
	eachOwned(t, func(t *testing.T, program, owner *db.DB) {
		s := sixEvents(t, program)
		exec(t, owner, "DELETE FROM audit_event WHERE id = (SELECT MAX(id) FROM audit_event)")
		if n, err := s.Seal(t.Context()); err != nil || n != 1 {
			t.Fatalf("sealed %d, %v", n, err)
		}
		if p := problems(t, s); len(p) != 1 || !strings.Contains(p[0], "was removed") {
			t.Errorf("problems %q, want the removed event", p)
		}
	})
}

func TestUnsealedTooLongIsNoticed(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, now := newService(t, d)
		if err := record(t, d, s, audit.Event{Action: audit.Signout}); err != nil {
			t.Fatal(err)
		}
		now.Advance(time.Minute)
		if p := problems(t, s); len(p) != 0 {
			t.Errorf("problems %q before its time is over", p)
		}
		now.Advance(time.Second)
		if p := problems(t, s); len(p) != 1 || !strings.Contains(p[0], "waits for its seal since 2026-11-23T09:00:00Z") {
			t.Errorf("problems %q, want the one overdue event", p)
		}
	})
}

// One process seals; when it is gone for 30 seconds another takes over.
func TestOneSealerByLease(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		keys, now := crypttest.Keys(t, d), clock.Fixed(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC))
		one := audit.New(audit.Options{DB: d, Keys: keys, Clock: now})
		two := audit.New(audit.Options{DB: d, Keys: keys, Clock: now})
		seal := func(s *audit.Service, want int) {
			t.Helper()
			if err := record(t, d, s, audit.Event{Action: audit.Signout}); err != nil {
				t.Fatal(err)
			}
			if n, err := s.Seal(t.Context()); err != nil || n != want {
				t.Errorf("sealed %d events (%v), want %d", n, err, want)
			}
		}
		seal(one, 1)
		now.Advance(29 * time.Second)
		seal(two, 0)
		seal(one, 2)
		now.Advance(31 * time.Second)
		seal(two, 1)
		seal(one, 0)
	})
}

// Verify may run beside a busy portal: what is recorded and sealed meanwhile is no problem.
func TestVerifyBesideTheWork(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, _ := newService(t, d)
		var work sync.WaitGroup
		for range 4 {
			work.Go(func() {
				for range 30 {
					if err := record(t, d, s, audit.Event{Action: audit.MailView}); err != nil {
						t.Error(err)
					}
					if _, err := s.Seal(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for range 30 {
			if p := problems(t, s); len(p) != 0 {
				t.Fatalf("problems %q", p)
			}
		}
		work.Wait()
	})
}

// An act that is undone leaves no line, and one whose line cannot be written does not happen.
func TestLineAndActAreOne(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, _ := newService(t, d)
		stop := errors.New("stop")
		for _, detail := range []string{"7", "words of a message"} {
			err := d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
				if _, err := tx.Exec(ctx, "INSERT INTO limit_hit (key_mac, window_at, n) VALUES ($1, 1, 1)", []byte("act")); err != nil {
					return err
				}
				if err := s.Record(ctx, tx, dana, audit.Event{Action: audit.MailSent, Detail: map[string]string{"files": detail}}); err != nil {
					return err
				}
				return stop
			})
			if err == nil {
				t.Fatal("the act was stored")
			}
		}
		for _, table := range []string{"limit_hit", "audit_event", "audit_pending"} {
			if n, _, err := db.One(t.Context(), d, db.Scan1[int64], "SELECT COUNT(*) FROM "+table); err != nil || n != 0 {
				t.Errorf("%d rows in %s (%v), want none", n, table, err)
			}
		}
	})
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

// What a browser says of itself is cut to 200 bytes, between characters and without what no database takes.
func TestAgentIsCut(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, _ := newService(t, d)
		if err := record(t, d, s, audit.Event{Action: audit.Signout}); err != nil {
			t.Fatal(err)
		}
		agent, _, err := db.One(t.Context(), d, db.Scan1[string], "SELECT agent FROM audit_event")
		if want := "Browser " + strings.Repeat("é", 96); err != nil || agent != want {
			t.Errorf("agent %q (%d bytes), %v", agent, len(agent), err)
		}
	})
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
