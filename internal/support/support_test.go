package support_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"securepractice/internal/audit"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/notify"
	"securepractice/internal/verify"
	"securepractice/internal/web"
)

// newPractice makes a practice through its form and gives its id.
func (b *browser) newPractice(name string) string {
	b.t.Helper()
	form := with(b.get("/support/p/new").says(200, "New practice").form("/support/p/new"), "practice_name", name, "practice_phone", "206 555 0199", "city", "Tacoma", "state", "WA")
	to := b.do(http.MethodPost, "/support/p/new", form).goes("/support/p/")
	return strings.TrimSuffix(strings.TrimPrefix(to, "/support/p/"), "/invite")
}

// invitation is the filled form that invites an address.
func (b *browser) invitation(practiceID, email string) (form map[string][]string, path string) {
	b.t.Helper()
	path = "/support/p/" + practiceID + "/invite"
	return with(b.get(path).says(200, "Invite user").form(path), "email", email, "first_name", "Kim", "last_name", "Reyes", "cell_phone", "(206) 555-0150", "role", "doctor_in", "tier", "paid"), path
}

func TestPracticeAndItsFirstAccount(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		b := w.as("staff")
		id := b.newPractice("Cedar Dental")
		form, path := b.invitation(id, "Kim@cedar.example")
		b.get(path).says(200, "User Manager")
		b.do(http.MethodPost, path, form).goes("/support/p/" + id)
		b.do(http.MethodPost, path, form).goes("/support/p/" + id) // pressed twice
		if n := w.rows("SELECT COUNT(*) FROM invite_invitation WHERE practice_id = $1 AND is_manager AND by_support AND tier = 'paid' AND cell = '+12065550150' AND phone = ''", id); n != 1 {
			t.Errorf("%d first invitations, want 1", n)
		}
		if n := w.sentTo("Kim@cedar.example"); n != 1 {
			t.Errorf("%d e-mails, want 1", n)
		}
		b.get("/support/p/"+id).says(200, "Cedar Dental", "(206) 555-0199", "Tacoma, WA", "Kim Reyes", "Invited, not registered", "SecureMail")

		form, path = b.invitation(id, "lee@cedar.example")
		b.do(http.MethodPost, path, with(form, "role", "staff_in", "tier", "free", "cell_phone", "")).goes("/support/p/" + id)
		if n := w.rows("SELECT COUNT(*) FROM invite_invitation WHERE practice_id = $1 AND NOT is_manager AND tier = 'free' AND role = 'staff_in' AND cell = ''", id); n != 1 {
			t.Errorf("%d second invitations, want 1 without the manager's role", n)
		}
	})
}

func TestPracticeForm(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		b := w.as("staff")
		form := b.get("/support/p/new").form("/support/p/new")
		for field, c := range map[string]struct{ value, sentence string }{
			"practice_name":  {" ", "Enter the name of the practice"},
			"practice_phone": {"911", verify.PhoneFormat},
			"street":         {strings.Repeat("é", 201), "Street must be 200 characters or fewer"},
			"city":           {strings.Repeat("x", 101), "City must be 100 characters or fewer"},
			"state":          {strings.Repeat("x", 51), "State must be 50 characters or fewer"},
			"zip":            {strings.Repeat("x", 21), "ZIP must be 20 characters or fewer"},
		} {
			p := b.do(http.MethodPost, "/support/p/new", with(form, "practice_name", "Cedar", "practice_phone", "2065550199", field, c.value)).wrong(field, c.sentence)
			if got := p.form("/support/p/new").Get("id"); got != form.Get("id") {
				t.Errorf("the form's id became %q", got)
			}
		}
		if n := w.rows("SELECT COUNT(*) FROM practice_practice"); n != 1 {
			t.Errorf("%d practices after refusals, want Harbor alone", n)
		}
		filled := with(form, "practice_name", "  Cedar \n Dental", "practice_phone", "2065550199")
		first := b.do(http.MethodPost, "/support/p/new", filled).goes("/support/p/")
		second := b.do(http.MethodPost, "/support/p/new", filled).goes("/support/p/")
		if n := w.rows("SELECT COUNT(*) FROM practice_practice WHERE name = 'Cedar Dental'"); n != 1 || first != second {
			t.Errorf("%d practices of one form, at %s and %s", n, first, second)
		}
		b.do(http.MethodPost, "/support/p/new", with(filled, "practice_name", "Other")).says(409)
		b.do(http.MethodPost, "/support/p/new", with(filled, "id", "my-own")).says(404)
		if n := w.rows("SELECT COUNT(*) FROM practice_practice"); n != 2 {
			t.Errorf("%d practices, want 2", n)
		}
	})
}

func TestEditPractice(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		b := w.as("staff")
		at := "/support/p/" + w.harbor
		form := b.get(at + "/edit").says(200).form(at + "/edit")
		b.do(http.MethodPost, at+"/edit", with(form, "practice_name", "Harbor Point")).goes(at)
		b.do(http.MethodPost, at+"/edit", with(form, "practice_name", "Harbor Point")).goes(at)
		if n := w.rows("SELECT version FROM practice_practice WHERE id = $1", w.harbor); n != 2 {
			t.Errorf("version %d after one form sent twice, want 2", n)
		}
		b.do(http.MethodPost, at+"/edit", with(form, "practice_name", "Somebody else's")).says(409, "changed")
		b.do(http.MethodPost, at+"/edit", with(form, "version", "2", "practice_name", "")).wrong("practice_name", "Enter the name of the practice")
		b.do(http.MethodPost, at+"/edit", with(form, "version", "two")).says(404)
		if got := w.word("SELECT name FROM practice_practice WHERE id = $1", w.harbor); got != "Harbor Point" {
			t.Errorf("name %q", got)
		}
		if n := w.trail(audit.PracticeEdited, w.harbor); n != 1 {
			t.Errorf("%d edits in the trail, want 1", n)
		}
	})
}

func TestProducts(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		b := w.as("staff")
		at := "/support/p/" + w.harbor
		form := b.get(at).form(at + "/products")
		for value, sentence := range map[string]string{
			"": "Enter the address this product opens at", "http://tv.example/": "Enter an address that begins with https://", "javascript:alert(1)": "Enter an address that begins with https://",
			"https://": "Enter an address that begins with https://", "https://u:p@tv.example/": "Enter an address that begins with https://",
			"https://tv.example/" + strings.Repeat("x", 500): "Address must be 500 characters or fewer",
		} {
			b.do(http.MethodPost, at+"/products", with(form, "on_ada-tv", "yes", "url_ada-tv", value)).wrong("url_ada-tv", sentence)
		}
		if n := w.rows("SELECT COUNT(*) FROM practice_product WHERE practice_id = $1", w.harbor); n != 1 {
			t.Errorf("%d products after refusals, want SecureMail alone", n)
		}
		b.do(http.MethodPost, at+"/products", with(form, "on_securemail", "", "on_ada-tv", "yes", "url_ada-tv", " https://tv.example/harbor ")).goes(at)
		if got := w.word("SELECT url FROM practice_product WHERE practice_id = $1 AND product = 'ada-tv' AND state = 'on'", w.harbor); got != "https://tv.example/harbor" {
			t.Errorf("ADA TV at %q", got)
		}
		if got := w.word("SELECT state FROM practice_product WHERE practice_id = $1 AND product = 'securemail'", w.harbor); got != "off" {
			t.Errorf("SecureMail is %q", got)
		}
		if n := w.trail(audit.PracticeEdited, w.harbor); n != 2 {
			t.Errorf("%d changes in the trail, want one a product", n)
		}
	})
}

func TestInviteRefuses(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		b := w.as("staff")
		form, path := b.invitation(w.harbor, "kim@harbor.example")
		for _, c := range []struct{ field, value, sentence string }{
			{"email", "", "Enter an email address in the right format, like name@example.org"},
			{"email", "ANN@harbor.example", "Another account uses this email address"},
			{"email", "pat@home.example", "Another account uses this email address"},
			{"email", "sam@portal.example", "Another account uses this email address"},
			{"first_name", "", "Enter their first name"},
			{"last_name", strings.Repeat("x", 101), "Last name must be 100 characters or fewer"},
			{"role", "", "Choose the person's role"},
			{"role", "patient", "Choose the person's role"},
			{"role", "doctor_out", "Choose the person's role"},
			{"tier", "gold", "Choose paid or free"},
			{"phone", "555", verify.PhoneFormat},
			{"cell_phone", "+44 20 7946 0958", verify.PhoneFormat},
		} {
			p := b.do(http.MethodPost, path, with(form, c.field, c.value)).wrong(c.field, c.sentence)
			if c.field != "first_name" && p.form(path).Get("first_name") != "Kim" {
				t.Errorf("%s: what was typed is gone", c.field)
			}
		}
		if n := w.rows("SELECT COUNT(*) FROM invite_invitation"); n != 0 || len(w.outbox()) != 0 {
			t.Errorf("%d invitations after refusals", n)
		}
		b.do(http.MethodPost, path, form).goes("/support/p/" + w.harbor)
		again, _ := b.invitation(w.harbor, "kim@harbor.example")
		if p := b.do(http.MethodPost, path, again); p.status != 422 {
			t.Errorf("an open invitation again: %d", p.status)
		}
		if n := w.sentTo("kim@harbor.example"); n != 1 {
			t.Errorf("%d e-mails, want 1", n)
		}
		b.do(http.MethodPost, path, with(form, "id", "x")).says(404)
		b.get("/support/p/" + db.NewID() + "/invite").says(404)
		b.post("/support/p/"+db.NewID()+"/invite", "id", db.NewID(), "email", "new@x.example", "first_name", "A", "last_name", "B", "role", "staff_in", "tier", "free").says(404)
		if n := w.rows("SELECT COUNT(*) FROM invite_invitation WHERE is_manager"); n != 0 {
			t.Error("a later account became User Manager")
		}
	})
}

// TestForStaffOnly: a signed-in user, also a User Manager, is told of no page of the console; a visitor is led to
// Support's own sign-in.
func TestForStaffOnly(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		staff := 0
		for _, route := range w.router.Routes() {
			if !strings.HasPrefix(route.Path, "/support") {
				t.Errorf("%s is no page of the console", route)
			}
			path := strings.NewReplacer("{id}", w.harbor, "{query}", "x").Replace(route.Path)
			if strings.HasPrefix(route.Path, "/support/u/") {
				path = "/support/u/" + w.people["ann"].ID
			}
			if route.Role != web.Staff {
				switch route.Path {
				case "/support/signin", "/support/method", "/support/code", "/support/resend", "/support/enter":
				default:
					t.Errorf("%s is open", route)
				}
				continue
			}
			staff++
			for _, who := range []string{"ann", "patient"} {
				w.as(who).do(route.Method, path, nil).says(404).hides("Harbor Dental", "ann@harbor.example")
			}
			w.as("").do(route.Method, path, nil).goes("/support/signin")
		}
		if staff < 10 {
			t.Errorf("%d routes for staff", staff)
		}
		if n := w.rows("SELECT COUNT(*) FROM audit_event WHERE action LIKE 'support.%'"); n != 0 {
			t.Errorf("%d looks of strangers", n)
		}
	})
}

func TestSignIn(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		b := w.as("")
		b.get("/support/signin").says(200, "sign")
		b.get("/support/signin?out=1").says(200, "You are signed out.")
		b.get("/support/signin?out=timeout").says(200, "You were signed out after 30 minutes without activity.")
		b.get("/support").goes("/support/signin?next=")
		for _, step := range []string{"/support/method", "/support/code", "/support/enter"} {
			b.get(step).goes("/support/signin")
		}
		b.post("/support/signin", "email", "", "password", "").wrong("email", "Enter your email address")
		b.post("/support/signin", "email", "ann@harbor.example", "password", pass).says(422, "Your email address or password is not right.")
		b.post("/support/signin", "email", "sam@portal.example", "password", "wrong").says(422, "Your email address or password is not right.")
		b.post("/support/signin", "email", "sam@portal.example", "password", pass).goes("/support/method")
		b.get("/support").goes("/support/signin") // a password alone opens nothing
		b.post("/support/enter").goes("/support/")
		b.get("/support").goes("/support/signin")
		b.get("/support/method").says(200, "Send a text to your mobile phone ending 44")
		b.post("/support/method", "method", "text_cell").goes("/support/code")
		sms := w.outbox()[0]
		if sms.Kind != notify.Text || sms.To != "+12065550144" || sms.Code == "" {
			t.Fatalf("%s to %s", sms.Kind, sms.To)
		}
		b.get("/support/code").says(200)
		b.post("/support/code", "code", sms.Code).goes("/support")
		b.get("/support").says(200, "Support console", "Harbor Dental")
		b.get("/support/signin").goes("/support")
		w.clock.Advance(13 * time.Hour)
		b.get("/support").goes("/support/signin")
		w.as("").post("/support/code", "code", sms.Code).goes("/support/signin") // another browser
	})
}
