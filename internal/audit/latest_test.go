package audit_test

import (
	"context"
	"testing"
	"time"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
)

// A person reads their own acts of one word, newest first, and nobody else's.
func TestLatestOfAPerson(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, clock := newService(t, d)
		write := func(id, ip, action string, outcome audit.Outcome) {
			t.Helper()
			clock.Advance(time.Minute)
			by := actor.Actor{Kind: actor.User, ID: id, IP: ip, Agent: "browser"}
			if err := d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
				return s.Record(ctx, tx, by, audit.Event{Action: action, Outcome: outcome})
			}); err != nil {
				t.Fatal(err)
			}
		}
		write("ann", "192.0.2.1", audit.SigninOK, "")
		write("pat", "192.0.2.9", audit.SigninOK, "")
		write("ann", "192.0.2.2", audit.Signout, "")
		write("ann", "192.0.2.3", audit.SigninOK, audit.Refused)
		write("ann", "192.0.2.4", audit.SigninOK, "")
		all, err := s.Latest(t.Context(), d, "ann", audit.SigninOK, 10)
		if err != nil || len(all) != 2 || all[0].IP != "192.0.2.4" || all[1].IP != "192.0.2.1" || all[0].Agent != "browser" || !all[0].At.After(all[1].At) {
			t.Errorf("%+v, %v", all, err)
		}
		if all, err = s.Latest(t.Context(), d, "ann", audit.SigninOK, 1); err != nil || len(all) != 1 {
			t.Errorf("%+v, %v", all, err)
		}
	})
}
