package manage_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/invite"
)

// each runs a test on both engines.
func each(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) { fn(t, newWorld(t, d)) })
}

// names are the people of a list in order.
func (p page) names() string {
	var all []string
	p.Find("td.nm").Each(func(_ int, s *goquery.Selection) { all = append(all, s.Text()) })
	return strings.Join(all, ", ")
}

func (p page) shows(names string) page {
	p.t.Helper()
	if got := p.says(http.StatusOK).names(); got != names {
		p.t.Errorf("%s lists %q, want %q", p.path, got, names)
	}
	return p
}

const nobody = "018f0000-0000-7000-8000-000000000000"

// For everybody but User Managers the pages do not exist; paying makes no difference.
func TestOnlyUserManagers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invited("ann", "Nora", "Lind", "nora@home.example", invite.Patient)
		for _, who := range []string{"ed", "patient", "staff"} {
			b := w.as(who)
			for _, path := range []string{"/users", "/users/" + inv.ID, "/users/" + w.people["ann"].ID, "/users/" + nobody} {
				b.get(path).says(http.StatusNotFound).hides("Nora", "Miller")
			}
			b.post("/users/two-step", "group", "patients", "on", "no").says(http.StatusNotFound)
			b.post("/users/find", "q", "x").says(http.StatusNotFound)
			b.post("/users/"+inv.ID, "do", "reinvite").says(http.StatusNotFound)
			b.post("/users/"+inv.ID, "do", "save", "version", "1", "email", "x@y.example", "cell_phone", "2065550131").says(http.StatusNotFound)
			b.post("/users/"+w.people["ann"].ID, "do", "unlock").says(http.StatusNotFound)
		}
		w.as("").get("/users").goes("/signin?next=")
		if n := w.rows("SELECT COUNT(*) FROM audit_event WHERE action = 'access.refused' AND actor_id = $1", w.people["ed"].ID); n != 9 {
			t.Errorf("%d refusals of Ed's are in the trail, want 9", n)
		}
		if n := w.sentTo("nora@home.example"); n != 1 || w.rows("SELECT version FROM invite_invitation") != 1 {
			t.Errorf("%d e-mails", n)
		}
		w.as("fay").get("/users").says(http.StatusOK, "Nora Lind")
	})
}

// Ids of other practices, of others' patients, of Support and of nobody answer the same, and are noted.
func TestForeignIDs(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		theirs := w.invited("bob", "Nora", "Lind", "nora@home.example", invite.Patient)
		b := w.as("ann")
		for i, id := range []string{theirs.ID, w.people["bob"].ID, w.people["patient"].ID, w.people["staff"].ID, nobody} {
			b.get("/users/"+id).says(http.StatusNotFound).hides("Nora", "Lake", "Brook", "Stone")
			for _, do := range []string{"save", "reinvite", "unlock"} {
				b.post("/users/"+id, "do", do, "version", "1", "email", "x@y.example", "cell_phone", "2065550131").says(http.StatusNotFound)
			}
			if n := w.trail("access.refused", id); n != 4 {
				t.Errorf("id %d: %d lines in the trail", i, n)
			}
		}
		b.get("/users/no-id").says(http.StatusNotFound)
		b.get("/users").says(http.StatusOK).hides("Lind", "Lake")
		if w.rows("SELECT version FROM invite_invitation") != 1 || w.sentTo("nora@home.example") != 1 {
			t.Error("something was changed or sent")
		}
	})
}

// The list holds members and invited people with status, by name; whoever registered from an invitation shows what the
// practice gave and nothing of their account.
func TestList(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.as("ann").get("/users").shows("Ann Miller, Fay Olsen, Ed Zimmer").says(http.StatusOK, "2-Step Verification Settings",
			"When on, people you invite must enter a code when they register.", "You cannot invite users from this page. Send them a secure message instead.", "Contact Support to add a User Manager.")
		nora := w.invited("ann", "Nora", "Lind", "nora@home.example", invite.Patient)
		w.invited("ed", "Carl", "Abel", "carl@home.example", invite.StaffOut)
		pat := w.invited("ed", "Patty", "Brooks", "pat@work.example", invite.Patient)
		two := w.invited("ed", "Tom", "Step", "tom@home.example", invite.DoctorIn)
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			if _, err := tx.Exec(ctx, "UPDATE invite_invitation SET state = 'accepted', accepted_by = $2 WHERE id = $1", pat.ID, w.people["patient"].ID); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, "UPDATE invite_invitation SET state = 'started' WHERE id = $1", two.ID)
			return err
		})
		p := w.as("ann").get("/users").shows("Carl Abel, Patty Brooks, Nora Lind, Ann Miller, Fay Olsen, Tom Step, Ed Zimmer")
		p.hides("pat@home.example", "Pat Brook<")
		for name, want := range map[string]string{"Carl": "StaffInvited, not registered", "Patty": "PatientFully registered", "Tom": "DoctorRegistered, two-step not completed", "Ed Z": "StaffFully registered"} {
			row := strings.Join(strings.Fields(p.Find("tr:contains('"+name+"')").Text()), " ")
			if !strings.Contains(row, want) {
				t.Errorf("%s: %q, want %q", name, row, want)
			}
		}
		w.as("ann").get("/users/"+pat.ID).says(http.StatusOK, "pat@work.example", "only they can change their details").hides("pat@home.example", "555-0143")
		if w.as("ann").get("/users/"+pat.ID).Find("input[name=email]").Length() != 0 {
			t.Error("a registered person's address can be typed")
		}
		w.as("bob").get("/users").shows("Bob Lake")
		w.as("ann").get("/users/"+nora.ID).says(http.StatusOK, "Invited, not registered", "Re-invite")
	})
}

// Whoever registered keeps their details, whatever is posted.
func TestRegisteredAreReadOnly(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		pat := w.invited("ed", "Patty", "Brooks", "pat@work.example", invite.Patient)
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE invite_invitation SET state = 'accepted', accepted_by = $2 WHERE id = $1", pat.ID, w.people["patient"].ID)
			return err
		})
		b := w.as("ann")
		for _, id := range []string{pat.ID, w.people["ed"].ID} {
			if p := b.post("/users/"+id, "do", "save", "version", "1", "email", "mine@evil.example", "cell_phone", "2065550199"); p.status != http.StatusConflict && p.status != http.StatusNotFound {
				t.Errorf("saved: %d", p.status)
			}
			if p := b.post("/users/"+id, "do", "reinvite"); p.status != http.StatusConflict && p.status != http.StatusNotFound {
				t.Errorf("re-invited: %d", p.status)
			}
		}
		if n := w.rows("SELECT COUNT(*) FROM account_user WHERE email LIKE 'mine%' OR cell LIKE '%0199'") + w.rows("SELECT COUNT(*) FROM invite_invitation WHERE email LIKE 'mine%' OR cell LIKE '%0199'"); n != 0 {
			t.Error("changed")
		}
	})
}

// Search and filter find people and put nothing of the search into an address; it opens for its manager alone.
func TestFind(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.invited("ann", "Nóra", "Lind_100%", "nora@home.example", invite.Patient)
		w.invited("ann", "Carl", "Abel", "carl@home.example", invite.Patient)
		b := w.as("ann")
		for q, want := range map[string]string{"lind": "Nóra Lind_100%", "Nóra": "Nóra Lind_100%", "_100%": "Nóra Lind_100%", "CARL@home": "Carl Abel", "miller ann": "Ann Miller", "%": "Nóra Lind_100%", "_": "Nóra Lind_100%",
			"zzz": "", "": "Carl Abel, Nóra Lind_100%, Ann Miller, Fay Olsen, Ed Zimmer"} {
			to := b.post("/users/find", "q", q).goes("/users")
			if len(q) > 2 && strings.Contains(to, url.QueryEscape(q)) {
				t.Errorf("the address shows the search: %s", to)
			}
			p := b.get(to).shows(want)
			if got := p.Find("#q").AttrOr("value", ""); got != q {
				t.Errorf("the box holds %q, want %q", got, q)
			}
		}
		b.get("/users?status=invited").shows("Carl Abel, Nóra Lind_100%")
		b.get("/users?status=registered").shows("Ann Miller, Fay Olsen, Ed Zimmer")
		b.get("/users?status=started").shows("").says(http.StatusOK, "Nobody here matches.")
		b.get("/users?status=%27%3B--&page=zz").shows("Carl Abel, Nóra Lind_100%, Ann Miller, Fay Olsen, Ed Zimmer")
		to := b.post("/users/find", "q", "a", "status", "invited").goes("/users?status=invited&q=")
		b.get(to).shows("Carl Abel, Nóra Lind_100%")
		w.as("fay").get(to).says(http.StatusNotFound)
		w.as("ann").get("/users?q=AAAA").says(http.StatusNotFound)
		b.post("/users/find", "q", strings.Repeat("x", 201)).wrong("q", "Search must be 200 characters or fewer")
		xss := `"><script>alert(1)</script>`
		p := b.get(b.post("/users/find", "q", xss).goes("/users"))
		if p.Find("script:contains('alert')").Length() > 0 || p.Find("#q").AttrOr("value", "") != xss {
			t.Error("a hostile search")
		}
	})
}

func TestPages(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			for i := range 104 {
				_, err := w.invite.Create(ctx, tx, actor.Actor{Kind: actor.User, ID: w.people["ann"].ID}, invite.NewInvitation{PracticeID: w.harbor, Email: fmt.Sprintf("p%d@home.example", i),
					First: "Pat", Last: fmt.Sprintf("Aaa%03d", i), Cell: "+12065550131", Role: invite.Patient, BySupport: true})
				if err != nil {
					return err
				}
			}
			return nil
		})
		b, seen := w.as("ann"), map[string]bool{}
		path, pages := "/users", 0
		for ; path != "" && pages < 9; pages++ {
			p := b.get(path).says(http.StatusOK)
			for _, n := range strings.Split(p.names(), ", ") {
				if seen[n] {
					t.Errorf("%s twice", n)
				}
				seen[n] = true
			}
			path = p.Find("a[rel=next]").AttrOr("href", "")
		}
		if pages != 3 || len(seen) != 107 {
			t.Errorf("%d people on %d pages", len(seen), pages)
		}
	})
}

// A switch saves at once with a confirmation, once for the same form twice.
func TestSwitches(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.as("fay")
		if n := b.get("/users").Find("button[role=switch][aria-checked=true]").Length(); n != 2 {
			t.Fatalf("%d switches are on", n)
		}
		for range 2 {
			b.post("/users/two-step", "group", "patients", "on", "no").goes("/users")
		}
		p := b.get("/users").says(http.StatusOK, "Saved. Two-step verification is now off for patients you invite.")
		if p.Find("button[aria-checked=true]").Length() != 1 || p.Find("button[aria-labelledby=sw-patients][aria-checked=false]").Length() != 1 {
			t.Error("the switch stays as it was")
		}
		if w.trail("practice.edited", w.harbor) != 1 || w.trail("practice.edited", w.lakeside) != 0 {
			t.Error("the trail does not say so once")
		}
		b.post("/users/two-step", "group", "everybody", "on", "no").says(http.StatusNotFound)
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			return w.account.SetManager(ctx, tx, actor.ByProgram("test"), w.people["fay"].ID, false)
		})
		b.post("/users/two-step", "group", "doctors", "on", "no").says(http.StatusNotFound) // the page was open, the role is gone
		if w.rows("SELECT COUNT(*) FROM practice_practice WHERE id = $1 AND two_step_doctors", w.harbor) != 1 {
			t.Error("switched without the role")
		}
	})
}

// The form corrects the numbers, says what follows, and Re-invite sends one new link.
func TestCorrectAndReinvite(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invited("ed", "Nora", "Lind", "nora@home.example", invite.Patient)
		if n := w.sentTo("nora@home.example"); n != 1 {
			t.Fatalf("%d e-mails", n)
		}
		b, at := w.as("ann"), "/users/"+inv.ID
		form := b.get(at).editForm(at)
		to := b.do(http.MethodPost, at, with(form, "phone", "206 555 0155", "do", "save")).goes(at + "?saved=yes")
		p := b.get(to).says(http.StatusOK, "Saved. Links and codes sent before no longer work. Select Re-invite, or send Nora Lind a new message.")
		if strings.Contains(p.text(), "Messages to the old address") || p.Find("#phone").AttrOr("value", "") != "(206) 555-0155" {
			t.Error(p.text())
		}
		b.do(http.MethodPost, at, with(form, "phone", "206 555 0155", "do", "save")).goes(at) // the same form twice
		if w.trail("invite.edited", inv.ID) != 1 {
			t.Error("edited twice")
		}
		b.do(http.MethodPost, at, with(b.get(at).editForm(at), "do", "save")).goes(at)
		b.get(at).says(http.StatusOK, "Nothing was changed.")
		for range 2 {
			b.post(at, "do", "reinvite").goes(at)
		}
		b.get(at).says(http.StatusOK, "The invitation is on its way. Links sent before no longer work.")
		if n := w.sentTo("nora@home.example"); n != 2 {
			t.Errorf("%d e-mails, want the first and one more", n)
		}
		form = b.get(at).editForm(at)
		next := b.do(http.MethodPost, at, with(form, "email", "nora.lind@home.example", "do", "save")).goes("/users/")
		if strings.HasPrefix(next, at) {
			t.Errorf("the new address is %s", next)
		}
		b.get(next).says(http.StatusOK, "Messages to the old address were not delivered; their senders can send them again.", "Invited, not registered")
		b.get(at).goes(strings.TrimSuffix(next, "?saved=email"))
		b.get("/users").hides(`"nora@home.example"`)
	})
}

// Two managers with the same form: the second keeps what they typed, sees what is on file, and can save it then.
func TestSecondManagerLosesNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invited("ed", "Nora", "Lind", "nora@home.example", invite.Patient)
		at := "/users/" + inv.ID
		ann, fay := w.as("ann"), w.as("fay")
		first, second := ann.get(at).editForm(at), fay.get(at).editForm(at)
		ann.do(http.MethodPost, at, with(first, "phone", "2065550155", "do", "save")).goes(at)
		p := fay.do(http.MethodPost, at, with(second, "phone", "2065550166", "do", "save")).says(http.StatusConflict,
			"Someone else has changed these details since you opened this page.", "On file now", "(206) 555-0155")
		if p.Find("#phone").AttrOr("value", "") != "2065550166" {
			t.Errorf("the box holds %q", p.Find("#phone").AttrOr("value", ""))
		}
		fay.do(http.MethodPost, at, with(p.editForm(at), "do", "save")).goes(at)
		if w.word("SELECT phone FROM invite_invitation") != "+12065550166" {
			t.Error("the second save")
		}
		third := ann.get(at).editForm(at)
		fay.do(http.MethodPost, at, with(fay.get(at).editForm(at), "email", "moved@home.example", "do", "save")).goes("/users/")
		p = ann.do(http.MethodPost, at, with(third, "phone", "2065550177", "do", "save")).says(http.StatusConflict, "On file now", "moved@home.example")
		if p.Find("#phone").AttrOr("value", "") != "2065550177" {
			t.Error("what was typed is gone")
		}
	})
}

func TestErrorsAtTheirFields(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invited("ed", "Nora", `<img src=x onerror="alert(1)">`, "nora@home.example", invite.Patient)
		b, at := w.as("ann"), "/users/"+inv.ID
		form := b.get(at).editForm(at)
		save := func(pairs ...string) page {
			return b.do(http.MethodPost, at, with(form, append(pairs, "do", "save")...))
		}
		save("email", "nora").wrong("email", account.EmailFormat)
		save("email", "sam@portal.example").wrong("email", "Another account uses this email address")
		save("phone", "12").wrong("phone", "Enter a phone number in the right format, like (206) 555-0142")
		save("cell_phone", "").wrong("phone", "Enter a phone number or a cell phone number")
		p := save("cell_phone", `"><script>alert(1)</script>`)
		p.wrong("cell_phone", "Enter a phone number in the right format, like (206) 555-0142")
		if p.Find("script:contains('alert')").Length()+p.Find("img[onerror]").Length() > 0 || p.Find("#cell_phone").AttrOr("value", "") != `"><script>alert(1)</script>` {
			t.Error("hostile text is not text")
		}
		if b.get("/users").Find("img[onerror]").Length() > 0 || w.rows("SELECT version FROM invite_invitation") != 1 {
			t.Error("hostile name in the list, or something was saved")
		}
	})
}

// Unlock is for locked members, is written down, and twice is harmless.
func TestUnlock(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ed := w.people["ed"].ID
		b, at := w.as("ann"), "/users/"+ed
		if b.get(at).Find("button[value=unlock]").Length() != 0 {
			t.Error("Unlock without a lock")
		}
		b.post(at, "do", "unlock").goes(at)
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE account_user SET state = 'locked', wrong_tries = 5 WHERE id IN ($1, $2)", ed, w.people["bob"].ID)
			return err
		})
		b.get("/users").says(http.StatusOK, "Locked after wrong passwords")
		b.get(at).says(http.StatusOK, "Unlock")
		for range 2 {
			b.post(at, "do", "unlock").goes(at)
		}
		b.post("/users/"+w.people["bob"].ID, "do", "unlock").says(http.StatusNotFound)
		if w.word("SELECT state FROM account_user WHERE id = $1", ed) != "active" || w.word("SELECT state FROM account_user WHERE id = $1", w.people["bob"].ID) != "locked" || w.trail("signin.unlocked", ed) != 1 {
			t.Error("not unlocked once")
		}
	})
}

// A member's page shows the last sign-in.
func TestLastSignIn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.clock.Set(time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC))
		if _, err := w.account.SignIn(t.Context(), actor.Actor{Kind: actor.Visitor, IP: "192.0.2.1"}, account.SignIn{Email: "ed@harbor.example", Password: pass, Browser: "b"}); err != nil {
			t.Fatal(err)
		}
		p := w.as("ann").get("/users")
		if n := p.Find("td time").Length(); n != 1 || !strings.Contains(p.text(), "Not signed in yet") {
			t.Errorf("%d sign-ins: %s", n, p.text())
		}
		w.as("ann").get("/users/"+w.people["ed"].ID).says(http.StatusOK, "Last sign-in", "2026")
	})
}

// editForm is the form with the fields, not the one with Re-invite.
func (p page) editForm(at string) url.Values {
	p.t.Helper()
	f := p.Find(fmt.Sprintf("form[action=%q]:has(#email)", at))
	if f.Length() != 1 {
		p.t.Fatalf("%s: %d has %d forms to edit: %s", p.path, p.status, f.Length(), p.text())
	}
	v := url.Values{}
	f.Find("input[name]").Each(func(_ int, s *goquery.Selection) { v.Set(s.AttrOr("name", ""), s.AttrOr("value", "")) })
	return v
}
