package invite_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"securepractice/internal/actor"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/fault"
	"securepractice/internal/invite"
	"securepractice/internal/notify"
)

const guest = "nora@northgate.example"

func asked(role invite.Role) invite.NewInvitation {
	return invite.NewInvitation{Email: guest, First: "Nora", Last: "Lind", Phone: "(206) 555-0130", Cell: "206-555-0131", Role: role}
}

// finish goes through registration to "Check your email".
func finish(b *browser, role invite.Role, start string) {
	b.t.Helper()
	if role != invite.Patient {
		b.get(start).want(200, start, "ADA number")
		b.post(start, "do", "skip")
	}
	b.get(start).want(200, "")
	b.post(start+"/start").want(200, start+"/name")
	b.post(start+"/name", "first_name", "Nora", "last_name", "Lind")
	if role == invite.DoctorOut || role == invite.StaffOut {
		b.want(200, start+"/practice", "Contact Support to be added to it.")
		b.post(start+"/practice", "practice_name", "Northgate Endodontics", "street", "1 Way", "city", "Seattle", "state", "WA", "zip", "98125", "practice_phone", "2065550135")
	}
	b.want(200, start+"/phones", "Ending in 30", "Ending in 31")
	b.post(start+"/phones", "time_zone", "America/Denver").want(200, start+"/security")
	b.post(start+"/security").want(200, start+"/sent", "n***@northgate.example")
}

// setPassword goes from the second e-mail to the sign-in page.
func setPassword(b *browser, link string) {
	b.t.Helper()
	b.get(link).want(200, link+"/method")
	b.post(link+"/method", "method", "text_cell").want(200, link+"/code")
	b.post(link+"/code", "code", b.last(notify.Text, "+12065550131").Code).want(200, link+"/terms")
	b.post(link+"/terms", "agree", terms).want(200, link+"/password", "Password Instructions")
	b.post(link+"/password", "new_password", pass, "confirm_password", pass)
}

func TestJourneyOfEachRole(t *testing.T) {
	for role, want := range map[invite.Role]struct {
		account  actor.Role
		practice string // "" none, "own" a new one, "theirs"
	}{
		invite.DoctorIn: {actor.Doctor, "theirs"}, invite.StaffIn: {actor.Helper, "theirs"}, invite.DoctorOut: {actor.Doctor, "own"},
		invite.StaffOut: {actor.Helper, "own"}, invite.Patient: {actor.Patient, ""},
	} {
		t.Run(string(role), func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				w := newWorld(t, d)
				inv := w.invited(w.ann, asked(role))
				mail := w.last(notify.Email, guest)
				if !strings.Contains(mail.Text, "Ann Miller at Harbor Dental") {
					t.Errorf("the invitation does not say who wrote: %s", mail.Text)
				}
				b := w.browser()
				finish(b, role, path(w, mail))
				setPassword(b, path(w, w.last(notify.Email, guest)))
				b.want(200, "", "Your password is set. Sign in with your email address.")
				b.signIn(guest)
				u, found, err := w.account.ByEmail(t.Context(), d, guest)
				if err != nil || !found || u.Role != want.account || u.Zone != "America/Denver" || u.Paid {
					t.Fatalf("account %+v (%v)", u, err)
				}
				own := u.PracticeID != "" && u.PracticeID != w.ann.PracticeID
				if (want.practice == "own") != own || (want.practice == "") != (u.PracticeID == "") || own != u.Manager {
					t.Errorf("practice %q, manager %v", u.Practice, u.Manager)
				}
				if len(w.accepted) != 1 || w.accepted[0].InvitationID != inv.ID || w.accepted[0].UserID != u.ID || w.accepted[0].OwnerID != u.OwnerID {
					t.Errorf("accepted %+v", w.accepted)
				}
			})
		})
	}
}

func TestNothingHappensByOpening(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.invited(w.ann, asked(invite.DoctorIn))
		link := path(w, w.last(notify.Email, guest))
		before := w.sent()
		for range 20 {
			b := w.browser()
			b.get(link)
			b.do(http.MethodHead, link, nil)
			for _, p := range []string{"/start", "/name", "/phones", "/security", "/sent"} {
				b.get(link + p)
			}
		}
		scanner := w.browser() // presses every button it sees, types nothing
		scanner.get(link)
		scanner.post(link, "do", "skip")
		scanner.post(link + "/start")
		scanner.post(link+"/name", "first_name", "Nora", "last_name", "Lind")
		scanner.post(link+"/phones", "time_zone", "").want(422, "", "Select your time zone")
		scanner.post(link+"/security").want(200, link+"/phones")
		if n := w.rows("SELECT COUNT(*) FROM invite_invitation WHERE state <> 'invited'"); n != 0 || w.sent() != before {
			t.Errorf("%d invitations moved, %d notices more", n, w.sent()-before)
		}
		finish(w.browser(), invite.DoctorIn, link) // and it still works for the person
	})
}

func TestStepsCannotBeSkippedOrMixed(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.invited(w.ann, asked(invite.DoctorIn))
		first := path(w, w.last(notify.Email, guest))
		b := w.browser()
		b.get(first+"/security").want(200, first)
		b.post(first+"/security").want(200, first)
		b.get("/i/"+strings.TrimPrefix(first, "/register/")).want(410, "", "This link has expired or was already used")
		finish(b, invite.DoctorIn, first)
		link := path(w, w.last(notify.Email, guest))
		b.get(link+"/password").want(200, link+"/method")
		b.post(link+"/password", "new_password", pass, "confirm_password", pass).want(200, link+"/method")
		b.post(link+"/terms", "agree", terms).want(200, link+"/method")
		b.post(link+"/method", "method", "text_cell")
		b.post(link+"/code", "code", b.last(notify.Text, "+12065550131").Code).want(200, link+"/terms")
		other := w.browser() // what this browser proved is worth nothing in another
		other.get(link+"/terms").want(200, link+"/method")
		other.get("/register/"+strings.TrimPrefix(link, "/i/")).want(410, "")
		b.post(link+"/terms").want(422, "", "Select the box if you agree to the Terms of Use")
		b.post(link+"/terms/decline").want(200, "", "You did not agree")
		b.post(link+"/terms", "agree", terms).want(200, link+"/password")
		b.post(link+"/password", "new_password", "short", "confirm_password", "x").want(422, "", "Password must be at least 8 characters", "Re-enter the same password")
		if n := w.rows("SELECT COUNT(*) FROM account_user WHERE email_canon = $1", guest); n != 0 {
			t.Error("an account exists before the password is set")
		}
	})
}

func TestTwoBrowsersOneWins(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.invited(w.ann, asked(invite.Patient))
		first := path(w, w.last(notify.Email, guest))
		finish(w.browser(), invite.Patient, first)
		link := path(w, w.last(notify.Email, guest))
		both := []*browser{w.browser(), w.browser()}
		for _, b := range both {
			b.post(link+"/method", "method", "text_cell")
			b.post(link+"/code", "code", b.last(notify.Text, "+12065550131").Code).want(200, link+"/terms")
			b.post(link+"/terms", "agree", terms).want(200, link+"/password")
			w.clock.Advance(time.Second)
		}
		var group sync.WaitGroup
		for _, b := range both {
			group.Go(func() { b.post(link+"/password", "new_password", pass, "confirm_password", pass) })
		}
		group.Wait()
		won := 0
		for _, b := range both {
			if strings.HasPrefix(b.at, "/signin?new=1") {
				won++
			}
		}
		if n := w.rows("SELECT COUNT(*) FROM account_user WHERE email_canon = $1", guest); won != 1 || n != 1 || len(w.accepted) != 1 {
			t.Errorf("%d won, %d accounts, %d accepted", won, n, len(w.accepted))
		}
		both[0].get(link).want(200, "", "You already have an account")
		both[0].get(link+"/method").want(200, "", "You already have an account")
		both[0].get("/i/nonsense/method").want(410, "", "Ask for a new link")
	})
}

func TestRefusedClaimStoresNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.refuse = errors.New("disk full")
		w.invited(w.ann, asked(invite.DoctorOut))
		b := w.browser()
		finish(b, invite.DoctorOut, path(w, w.last(notify.Email, guest)))
		link := path(w, w.last(notify.Email, guest))
		setPassword(b, link)
		b.want(500, "")
		for _, q := range []string{"SELECT COUNT(*) FROM account_user WHERE email_canon = 'nora@northgate.example'", "SELECT COUNT(*) FROM practice_practice WHERE name = 'Northgate Endodontics'", "SELECT COUNT(*) FROM invite_invitation WHERE state = 'accepted'", "SELECT COUNT(*) FROM verify_link WHERE used_at IS NOT NULL"} {
			if n := w.rows(q); n != 0 {
				t.Errorf("%d rows stay behind: %s", n, q)
			}
		}
		w.refuse = nil
		b.post(link+"/password", "new_password", pass, "confirm_password", pass).want(200, "", "Your password is set.")
	})
}

// Two practices invite one address. A number both gave is proved once; another number is asked for.
func TestTwoPractices(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		for name, phone := range map[string]string{"same number": "+12065550131", "other number": "+12065550188"} {
			t.Run(name, func(t *testing.T) {
				w := newWorldAgain(t, d)
				w.invited(w.ann, asked(invite.Patient))
				link := path(w, w.last(notify.Email, guest))
				theirs := asked(invite.Patient)
				theirs.Phone, theirs.Cell = "", phone
				inv := w.invited(w.bob, theirs)
				theirLink := path(w, w.last(notify.Email, guest))
				b := w.browser()
				finish(b, invite.Patient, link)
				setPassword(b, path(w, w.last(notify.Email, guest)))
				b.get(theirLink).want(200, "", "You already have an account")
				b.signIn(guest)
				if name == "same number" {
					if len(w.accepted) != 2 {
						t.Fatalf("accepted %+v", w.accepted)
					}
					b.get("/mail/held/"+inv.ID).want(404, "")
					return
				}
				held := "/mail/held/" + inv.ID
				b.get(held).want(200, held, "Lakeside Dental sent you a secure message", "a phone ending 88")
				b.post(held).want(409, "") // not without the code
				stranger := w.browser()
				stranger.signIn("ann@harbor.example").get(held).want(404, "")
				stranger.post(held+"/method", "method", "text_cell").want(404, "")
				b.post(held+"/method", "method", "text_cell").want(200, held+"/code")
				b.post(held+"/code", "code", "000000")
				w.refuse = errors.New("disk full") // what is left when the claim fails after its code
				b.post(held+"/code", "code", w.last(notify.Text, phone).Code).want(500, "")
				w.refuse, w.accepted = nil, w.accepted[:1]
				b.get(held).want(200, held, "Your phone is confirmed.")
				b.post(held).want(200, "/mail")
				if len(w.accepted) != 2 || w.accepted[1].InvitationID != inv.ID {
					t.Errorf("accepted %+v", w.accepted)
				}
			})
		}
	})
}

// newWorldAgain is a world on a fresh database of the same engine.
func newWorldAgain(t *testing.T, d *db.DB) *world {
	if d.Postgres() {
		return newWorld(t, dbtest.Postgres(t))
	}
	return newWorld(t, dbtest.SQLite(t))
}

func TestSupportInvitationWithoutPhone(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		n := invite.NewInvitation{Email: guest, First: "Nora", Last: "Lind", Role: invite.StaffIn, BySupport: true, Manager: true, Paid: true}
		w.invited(w.ann, n)
		link := path(w, w.last(notify.Email, guest))
		b := w.browser()
		b.get(link).want(200, link, "Add a phone number")
		b.get(link+"/terms").want(200, link)
		b.post(link).want(422, "", "Enter a phone number or a cell phone number")
		b.post(link, "phone", "12", "cell_phone", "").want(422, "", "Enter a phone number in the right format, like (206) 555-0142")
		b.post(link, "cell_phone", "(206) 555-0131").want(200, link+"/method")
		b.post(link, "cell_phone", "(206) 555-0199").want(200, link+"/method") // a number that is there is not replaced
		setPassword(b, link)
		u, found, err := w.account.ByEmail(t.Context(), d, guest)
		if err != nil || !found || !u.Manager || !u.Paid || u.Cell != "+12065550131" || u.PracticeID != w.ann.PracticeID {
			t.Errorf("account %+v (%v)", u, err)
		}
	})
}

// Only the browser that registered can have the second e-mail sent again, once a minute.
func TestSendItAgain(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.invited(w.ann, asked(invite.Patient))
		first := path(w, w.last(notify.Email, guest))
		b, other := w.browser(), w.browser()
		finish(b, invite.Patient, first)
		before := w.sent()
		other.get(first+"/sent").want(200, first+"/sent", "open this page in the browser you registered with")
		other.post(first+"/again").want(200, first+"/sent")
		if n := w.sent() - before; n != 0 || other.doc.Find("form").Length() != 0 {
			t.Errorf("another browser had %d e-mails sent", n)
		}
		b.get(first+"/sent").want(200, first+"/sent", "Send it again")
		b.post(first+"/again").want(200, first+"/sent")
		b.post(first+"/again").want(429, "")
		if n := w.sent() - before; n != 1 {
			t.Errorf("%d e-mails", n)
		}
	})
}

func TestDeadLinkHelps(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		inv := w.invited(w.ann, asked(invite.Patient))
		old := path(w, w.last(notify.Email, guest))
		w.clock.Advance(31 * 24 * time.Hour)
		before := w.sent()
		b := w.browser()
		b.get(old).want(410, "", "Ask for a new link")
		for range 3 {
			b.post(old+"/ask").want(200, "", "Check your email")
		}
		b.post("/register/nonsense/ask").want(200, "", "Check your email")
		if n := w.sent() - before; n != 1 {
			t.Errorf("%d e-mails for the asking, want 1", n)
		}
		b.get(path(w, w.last(notify.Email, guest))).want(200, "")
		b.get(old).want(410, "")
		w.tx(func(ctx context.Context, tx *db.Tx) error { return w.invite.Send(ctx, tx, w.ann, inv.ID) })
	})
}

func TestCreateRefuses(t *testing.T) {
	d := dbtest.SQLite(t)
	w := newWorld(t, d)
	for field, n := range map[string]invite.NewInvitation{
		"email": {Email: "nora", First: "N", Last: "L", Phone: "2065550130", Role: invite.Patient}, "role": {Email: guest, First: "N", Last: "L", Phone: "2065550130", Role: "boss"},
		"first_name": {Email: guest, Last: "L", Phone: "2065550130", Role: invite.Patient}, "last_name": {Email: guest, First: "N", Last: strings.Repeat("x", 101), Phone: "2065550130", Role: invite.Patient},
		"phone": {Email: guest, First: "N", Last: "L", Role: invite.Patient}, "cell_phone": {Email: guest, First: "N", Last: "L", Cell: "+44 20 7946 0000", Role: invite.Patient},
	} {
		n.PracticeID = w.ann.PracticeID
		err := d.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error { _, err := w.invite.Create(ctx, tx, w.ann, n); return err })
		if f := fault.From(err); f.Kind != fault.Invalid || f.For(field) == "" {
			t.Errorf("%s: %v %+v", field, err, f.Fields)
		}
	}
	if n := w.rows("SELECT COUNT(*) FROM invite_invitation"); n != 0 {
		t.Errorf("%d invitations stored", n)
	}
	a, b := w.invited(w.ann, asked(invite.Patient)), w.invited(w.ann, asked(invite.DoctorIn))
	if a.ID != b.ID {
		t.Error("a second invitation of one practice for one address")
	}
}

// TestAddressChanged: an account that takes an invited address finds the invitation held for it; when it leaves the address
// again, whoever is there can register, and nothing typed before is asked for anew.
func TestAddressChanged(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		fresh, begun := asked(invite.Patient), asked(invite.Patient)
		begun.Email = "begun@home.example"
		one, two := w.invited(w.ann, fresh), w.invited(w.ann, begun)
		link := path(w, w.last(notify.Email, fresh.Email))
		finish2(w.browser(), begun.Email)
		move := func(from, to string) {
			t.Helper()
			w.tx(func(ctx context.Context, tx *db.Tx) error {
				if _, err := tx.Exec(ctx, "UPDATE account_user SET email = $1, email_canon = $1 WHERE id = $2", to, w.bob.ID); err != nil {
					return err
				}
				return w.invite.AddressChanged(ctx, tx, from, to)
			})
		}
		for _, c := range []struct {
			inv    invite.Invitation
			email  string
			before string
		}{{one, fresh.Email, "invited"}, {two, begun.Email, "started"}} {
			if got := w.now(c.inv.ID).State; got != c.before {
				t.Fatalf("%s at first", got)
			}
			move(w.bob.Email, c.email)
			if got := w.now(c.inv.ID).State; got != "held" {
				t.Errorf("%s while an account has its address", got)
			}
			if c.inv.ID == one.ID {
				w.browser().get(link).want(200, "", "You already have an account")
			}
			move(c.email, w.bob.Email)
			if got := w.now(c.inv.ID).State; got != c.before {
				t.Errorf("%s when the account has left the address", got)
			}
		}
		w.browser().get(link).want(200, "", "sent you a secure message")
	})
}
