package support_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"securepractice/internal/audit"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/invite"
)

// first is an invitation of Support's own, whose person becomes the practice's User Manager.
func (w *world) first() (inv invite.Invitation) {
	w.t.Helper()
	w.tx(func(ctx context.Context, tx *db.Tx) (err error) {
		inv, err = w.invite.Create(ctx, tx, w.people["staff"], invite.NewInvitation{PracticeID: w.harbor, Email: "lee@river.example", First: "Lee", Last: "Park", Cell: "2065550152",
			Role: invite.StaffIn, BySupport: true, Manager: true})
		if err != nil {
			return err
		}
		return w.invite.Send(ctx, tx, w.people["staff"], inv.ID)
	})
	return inv
}

// TestCorrection: Support corrects numbers and address of an open invitation, with a reason, once a form; the old link ends.
func TestCorrection(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		inv := w.first()
		b, at := w.as("staff"), "/support/u/"+inv.ID
		form := b.get(at).form(at + "/correct")
		b.do(http.MethodPost, at+"/correct", with(form, "cell_phone", "12", "reason_correct", "x")).wrong("cell_phone", "Enter a phone number in the right format, like (206) 555-0142")
		b.do(http.MethodPost, at+"/correct", with(form, "email", "nonsense", "reason_correct", "x")).wrong("email", "Enter an email address in the right format, like name@example.org")
		b.do(http.MethodPost, at+"/correct", with(form, "cell_phone", "206 555 0153")).wrong("reason_correct", "Enter a reason")
		b.do(http.MethodPost, at+"/correct", with(form, "email", "ann@harbor.example", "reason_correct", "x")).wrong("email", "Another account uses this email address")
		if n := w.trail(audit.SupportChanged, inv.ID); n != 0 {
			t.Errorf("%d refused corrections in the trail", n)
		}
		for range 2 { // the same form twice
			b.do(http.MethodPost, at+"/correct", with(form, "cell_phone", "206 555 0153", "reason_correct", "They called: wrong number")).goes(at)
		}
		b.get(at).says(200, "(206) 555-0153", "They called: wrong number", "Corrected the details").hides("(206) 555-0152")
		if n := w.rows("SELECT COUNT(*) FROM verify_link WHERE subject_id = $1 AND used_at IS NULL", inv.ID); n != 0 {
			t.Errorf("%d links outlive the correction", n)
		}
		if n := w.trail(audit.SupportChanged, inv.ID); n != 1 {
			t.Errorf("%d corrections in the trail", n)
		}
		b.do(http.MethodPost, at+"/correct", with(form, "id", db.NewID(), "cell_phone", "206 555 0154", "reason_correct", "x")).says(409, "Someone else has changed these details")

		form = b.get(at).form(at + "/correct")
		p := b.do(http.MethodPost, at+"/correct", with(form, "email", "lee.park@river.example", "reason_correct", "x"))
		if p.status != http.StatusSeeOther || p.to == at || !strings.HasPrefix(p.to, "/support/u/") {
			t.Fatalf("a new address leads to %d %s", p.status, p.to)
		}
		b.get(p.to).says(200, "lee.park@river.example", "User Manager", "Correct the details")
		b.get(at).says(200, "No longer open").hides("Correct the details")
		b.do(http.MethodPost, at+"/correct", with(form, "id", db.NewID(), "email", "third@river.example", "reason_correct", "x")).says(409, "This invitation is no longer open.")
	})
}

// TestCorrectionIsSupports: nobody else corrects by this way, and nothing but an invitation is corrected.
func TestCorrectionIsSupports(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		inv := w.kim()
		form := w.as("staff").get("/support/u/" + inv.ID).form("/support/u/" + inv.ID + "/correct")
		for _, who := range []string{"ann", "patient", ""} {
			if p := w.as(who).do(http.MethodPost, "/support/u/"+inv.ID+"/correct", with(form, "cell_phone", "206 555 0153", "reason_correct", "x")); p.status != 404 && p.status != 303 {
				t.Errorf("%q: %d", who, p.status)
			}
		}
		if got := w.word("SELECT cell FROM invite_invitation WHERE id = $1", inv.ID); got != "+12065550150" {
			t.Errorf("corrected to %s", got)
		}
		for _, id := range []string{w.people["ann"].ID, db.NewID()} {
			w.as("staff").do(http.MethodPost, "/support/u/"+id+"/correct", with(form, "reason_correct", "x")).says(404)
		}
	})
}
