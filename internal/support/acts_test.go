package support_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/invite"
	"securepractice/internal/practice"
)

// kim is an open invitation of Harbor Dental that was sent.
func (w *world) kim() (inv invite.Invitation) {
	w.t.Helper()
	w.tx(func(ctx context.Context, tx *db.Tx) (err error) {
		inv, err = w.invite.Create(ctx, tx, w.people["ann"], invite.NewInvitation{PracticeID: w.harbor, Email: "kim@river.example", First: "Kim", Last: "Reyes", Cell: "2065550150", Role: invite.DoctorOut})
		if err != nil {
			return err
		}
		return w.invite.Send(ctx, tx, w.people["ann"], inv.ID)
	})
	return inv
}

// lock enters Ann's password wrong until her account is locked.
func (w *world) lock() {
	w.t.Helper()
	for range 5 {
		if _, err := w.account.SignIn(w.t.Context(), actor.Actor{Kind: actor.Visitor, IP: "192.0.2.7"}, account.SignIn{Email: "ann@harbor.example", Password: "wrong"}); err == nil {
			w.t.Fatal("a wrong password was right")
		}
	}
	if got := w.word("SELECT state FROM account_user WHERE id = $1", w.people["ann"].ID); got != "locked" {
		w.t.Fatalf("the account is %s", got)
	}
}

func TestPersonPage(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		b, ann := w.as("staff"), "/support/u/"+w.people["ann"].ID
		b.get(ann).says(200, "Ann Miller", "ann@harbor.example", "(206) 555-0111", "(206) 555-0142", "Harbor Dental", "Doctor", "User Manager", "Fully registered", "Send password reset").hides("Unlock account")
		w.lock()
		mails := w.outbox()
		p := b.get(ann).says(200, "Locked", "Unlock account", "Wrong password, account locked", "Refused", "192.0.2.7", "Account locked")
		for _, m := range mails {
			p.hides(m.Links...)
		}
		b.get("/support/u/"+w.people["patient"].ID).says(200, "Pat Brook", "Patient")
		inv := w.kim()
		link := w.outbox()[0].Links[0]
		b.get("/support/u/"+inv.ID).says(200, "Kim Reyes", "kim@river.example", "Invited, not registered", "Send invitation", "Sent").hides(link, strings.TrimPrefix(link, site))
		b.get("/support/u/" + w.people["staff"].ID).says(404)
		b.get("/support/u/" + db.NewID()).says(404)
		b.get("/support/p/" + db.NewID()).says(404)
	})
}

func TestEveryLookIsRecorded(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		b, inv, ann := w.as("staff"), w.kim(), w.people["ann"].ID
		for path, subject := range map[string]string{"/support/p/" + w.harbor: w.harbor, "/support/u/" + ann: ann, "/support/u/" + inv.ID: inv.ID} {
			b.do(http.MethodHead, path, nil).says(200)
			if n := w.trail(audit.SupportLooked, subject); n != 0 {
				t.Errorf("HEAD %s left %d lines", path, n)
			}
			b.get(path).says(200)
			if n := w.rows(`SELECT COUNT(*) FROM audit_event WHERE action = 'support.looked' AND subject_id = $1 AND actor_kind = 'staff' AND actor_id = $2 AND practice_id = $3`,
				subject, w.people["staff"].ID, w.harbor); n != 1 {
				t.Errorf("GET %s left %d lines of Sam that Harbor can see, want 1", path, n)
			}
		}
	})
}

func TestActsNeedAReason(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		b, ann := w.as("staff"), "/support/u/"+w.people["ann"].ID
		w.lock()
		before := w.sentTo("ann@harbor.example")
		form := b.get(ann).form(ann)
		b.do(http.MethodPost, ann, with(form, "do", "unlock", "reason", " \n ")).wrong("reason", "Enter a reason")
		b.do(http.MethodPost, ann, with(form, "do", "unlock", "reason", strings.Repeat("é", 501))).wrong("reason", "Reason must be 500 characters or fewer")
		if got := w.word("SELECT state FROM account_user WHERE id = $1", w.people["ann"].ID); got != "locked" {
			t.Errorf("unlocked without a reason: %s", got)
		}
		why := "She called <b>twice</b> & read me her ADA number"
		b.do(http.MethodPost, ann, with(form, "do", "unlock", "reason", why)).goes(ann)
		b.do(http.MethodPost, ann, with(form, "do", "unlock", "reason", why)).goes(ann) // twice
		if got := w.word("SELECT state FROM account_user WHERE id = $1", w.people["ann"].ID); got != "active" {
			t.Errorf("the account is %s", got)
		}
		b.get(ann).says(200, why).hides("<b>twice</b>", "Unlock account")
		form = b.get(ann).form(ann)
		b.do(http.MethodPost, ann, with(form, "do", "unlock", "reason", "x")).says(422, "This account is not locked any more.")
		b.do(http.MethodPost, ann, with(form, "do", "reset", "reason", "She asked")).goes(ann)
		b.do(http.MethodPost, ann, with(form, "do", "reset", "reason", "She asked")).goes(ann)
		if n := w.sentTo("ann@harbor.example") - before; n != 1 {
			t.Errorf("%d e-mails of one reset, want 1", n)
		}
		if n := w.trail(audit.SupportChanged, w.people["ann"].ID); n != 2 {
			t.Errorf("%d acts in the trail, want 2", n)
		}
		if n := w.rows("SELECT COUNT(*) FROM audit_event WHERE detail LIKE '%twice%' OR detail LIKE '%asked%'"); n != 0 {
			t.Error("the reason's words are in the trail")
		}
	})
}

// TestActsThatMakeNoSense: another's act, a made-up form or act, and acts on whom they are not for.
func TestActsThatMakeNoSense(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		b, ann := w.as("staff"), "/support/u/"+w.people["ann"].ID
		for _, do := range []string{"unlock", "invitation", "delete", ""} {
			if p := b.post(ann, "id", db.NewID(), "do", do, "reason", "x"); p.status != 422 && p.status != 404 {
				t.Errorf("%q: %d", do, p.status)
			}
		}
		b.post(ann, "id", "1", "do", "reset", "reason", "x").says(404)
		b.post("/support/u/"+db.NewID(), "id", db.NewID(), "do", "reset", "reason", "x").says(404)
		b.post("/support/u/"+w.people["staff"].ID, "id", db.NewID(), "do", "reset", "reason", "x").says(404)
		if n := w.rows("SELECT COUNT(*) FROM support_change") + w.rows("SELECT COUNT(*) FROM audit_event WHERE action = 'support.changed'"); n != 0 || len(w.outbox()) != 0 {
			t.Errorf("%d changes were kept", n)
		}
	})
}

func TestSendInvitationAgain(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		b, inv := w.as("staff"), w.kim()
		old, at := w.outbox()[0].Links[0], "/support/u/"+inv.ID
		form := with(b.get(at).form(at), "do", "invitation", "reason", "It went to junk")
		w.clock.Advance(time.Minute)
		b.do(http.MethodPost, at, form).goes(at)
		b.do(http.MethodPost, at, form).goes(at)
		if n := w.sentTo("kim@river.example"); n != 2 {
			t.Errorf("%d e-mails, want 2", n)
		}
		if fresh := w.outbox()[0].Links[0]; fresh == old {
			t.Error("the old link was sent again")
		}
		b.get(at).says(200, "It went to junk")
		form = with(b.get(at).form(at), "do", "invitation", "reason", "Again")
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE invite_invitation SET state = 'withdrawn' WHERE id = $1", inv.ID)
			return err
		})
		b.do(http.MethodPost, at, form).says(422, "This invitation is no longer open.")
		if n := w.sentTo("kim@river.example"); n != 2 {
			t.Errorf("%d e-mails after the invitation was withdrawn, want 2", n)
		}
	})
}

func TestSearch(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		b := w.as("staff")
		inv := w.kim()
		for query, want := range map[string]string{
			"miller": "Ann Miller", "ANN MILL": "Ann Miller", "Ann@Harbor.example": "Ann Miller", "206.555.0142": "Ann Miller", "(206) 555-0111": "Ann Miller",
			"harbor": "Harbor Dental", "kim@river": "Kim Reyes", "reyes": "Kim Reyes", "2065550150": "Kim Reyes", "brook": "Pat Brook",
		} {
			to := b.post("/support/search", "q", query).goes("/support/search/")
			if strings.Contains(strings.ToLower(to), strings.ToLower(query)) {
				t.Errorf("%q stands in %s", query, to)
			}
			b.get(to).says(200, want)
			w.as("ann").get(to).says(404)
		}
		for _, query := range []string{"sam@portal.example", "stone", "%%", "__", `\\`, "nobody at all", "2065550144"} {
			b.get(b.post("/support/search", "q", query).goes("/support/search/")).says(200, "Nothing matches")
		}
		b.post("/support/search", "q", " a ").says(422, "Enter at least 2 characters")
		b.post("/support/search", "q", strings.Repeat("a", 201)).wrong("q", "Search must be 200 characters or fewer")
		b.get("/support/search/made-up").says(404)
		if n := w.trail(audit.SupportLooked, inv.ID); n == 0 {
			t.Error("who was found is not recorded")
		}
	})
}

func TestHostileText(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		b := w.as("staff")
		const bad = `"><script>alert(1)</script>`
		id := b.newPractice("Cedar " + bad)
		form, path := b.invitation(id, "kim@cedar.example")
		b.do(http.MethodPost, path, with(form, "first_name", bad, "last_name", "Reyes\x00")).goes("/support/p/")
		inv := w.word("SELECT id FROM invite_invitation WHERE practice_id = $1", id)
		for _, p := range []page{b.get("/support"), b.get("/support/p/" + id), b.get("/support/p/" + id + "/edit"), b.get(path), b.get("/support/u/" + inv),
			b.get(b.post("/support/search", "q", "cedar "+bad).goes("/support/search/")), b.post("/support/signin", "email", bad, "password", "x")} {
			p.hides("<script>alert").says(p.status)
			if n := p.Find("script:not([src])").Length(); n != 0 {
				t.Errorf("%s: %d scripts", p.path, n)
			}
		}
	})
}

// TestNothingPrivateOnAnyPage reads every page of the console with what must never be there planted in the database.
func TestNothingPrivateOnAnyPage(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		b, inv := w.as("staff"), w.kim()
		hash := w.word("SELECT password_hash FROM account_user WHERE id = $1", w.people["ann"].ID)
		link := w.outbox()[0].Links[0]
		for _, path := range []string{"/support", "/support/p/" + w.harbor, "/support/u/" + w.people["ann"].ID, "/support/u/" + inv.ID, "/support/u/" + w.people["patient"].ID} {
			b.get(path).says(200).hides(hash, link[strings.LastIndexByte(link, '/')+1:])
		}
	})
}

func TestLockedAccounts(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		b := w.as("staff")
		b.get("/support/locked").says(200, "No account is locked.")
		w.lock()
		b.do(http.MethodHead, "/support/locked", nil).says(200)
		if n := w.trail(audit.SupportLooked, w.people["ann"].ID); n != 0 {
			t.Errorf("HEAD left %d lines", n)
		}
		b.get("/support/locked").says(200, "Ann Miller", "Locked").hides("Pat Brook")
		if n := w.trail(audit.SupportLooked, w.people["ann"].ID); n != 1 {
			t.Errorf("%d looks recorded, want 1", n)
		}
	})
}

// TestFirstMeansFirst: a practice made by registration has people, so Support's invitation to it gives no role.
func TestFirstMeansFirst(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		b := w.as("staff")
		form, path := b.invitation(w.harbor, "lee@harbor.example")
		b.get(path).says(200).hides("becomes its User Manager")
		b.do(http.MethodPost, path, form).goes("/support/p/" + w.harbor)
		if n := w.rows("SELECT COUNT(*) FROM invite_invitation WHERE is_manager"); n != 0 {
			t.Errorf("%d managers invited", n)
		}
		var empty string
		w.tx(func(ctx context.Context, tx *db.Tx) (err error) {
			empty, err = w.practice.Create(ctx, tx, actor.ByProgram("test"), practice.Practice{Name: "Empty"})
			return err
		})
		b.get("/support/p/"+empty+"/invite").says(200, "User Manager")
	})
}
