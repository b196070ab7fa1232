package invite_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/fault"
	"securepractice/internal/invite"
	"securepractice/internal/notify"
)

const moved = "nora.lind@northgate.example"

// edit corrects an invitation as a manager's form would.
func (w *world) edit(by actor.Actor, e invite.Edit) (invite.Edited, error) {
	return w.invite.Edit(w.t.Context(), by, e)
}

// now is an invitation as it stands.
func (w *world) now(id string) invite.Invitation {
	w.t.Helper()
	i, err := w.invite.Find(w.t.Context(), w.d, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return i
}

// form is the untouched form of an invitation.
func form(i invite.Invitation) invite.Edit {
	return invite.Edit{ID: i.ID, Version: i.Version, Email: i.Email, Phone: i.Phone, Cell: i.Cell}
}

func refusal(t *testing.T, err error, kind fault.Kind, field, sentence string) {
	t.Helper()
	f := fault.From(err)
	if err == nil || f.Kind != kind || field != "" && f.For(field) != sentence || field == "" && !strings.Contains(f.Text, sentence) {
		t.Errorf("refused with %+v (%v), want %s at %q: %s", f, err, kind, field, sentence)
	}
}

// told counts the e-mails to an address.
func (w *world) told(to string) (n int) {
	w.t.Helper()
	if err := w.jobs.Wait(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	all, err := w.notify.Outbox(w.t.Context(), 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, i := range all {
		if i.To == to {
			n++
		}
	}
	return n
}

func (w *world) trail(action, id string) int64 {
	w.t.Helper()
	return w.rows("SELECT COUNT(*) FROM audit_event WHERE action = $1 AND subject_id = $2", action, id)
}

// A corrected number ends links, codes and the flow under way; the new link asks the new number.
func TestCorrectedNumberEndsTheWay(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		inv := w.invited(w.ann, asked(invite.DoctorIn))
		b := w.browser()
		finish(b, invite.DoctorIn, path(w, w.last(notify.Email, guest)))
		link := path(w, w.last(notify.Email, guest))
		b.get(link)
		b.post(link+"/method", "method", "text_cell").want(200, link+"/code")
		code := w.last(notify.Text, "+12065550131").Code
		e := form(w.now(inv.ID))
		e.Cell = "(206) 555-0139"
		out, err := w.edit(w.ann, e)
		if err != nil || !out.Changed || out.EmailChanged || out.Invitation.ID != inv.ID || w.now(inv.ID).Cell != "+12065550139" {
			t.Fatalf("edited %+v: %v", out, err)
		}
		b.post(link+"/code", "code", code).want(410, "", "expired or was already used")
		b.get(link).want(410, "")
		if n := w.rows("SELECT COUNT(*) FROM verify_flow WHERE subject_id = $1 AND state = 'open'", inv.ID); n != 0 || w.trail("invite.edited", inv.ID) != 1 {
			t.Errorf("%d flows go on, %d lines", n, w.trail("invite.edited", inv.ID))
		}
		if err := w.invite.Reinvite(t.Context(), w.ann, inv.ID); err != nil {
			t.Fatal(err)
		}
		fresh := path(w, w.last(notify.Email, guest))
		if fresh == link {
			t.Fatal("Re-invite sent the old link")
		}
		b.get(fresh).want(200, fresh+"/method", "ending 39")
		b.post(fresh+"/method", "method", "text_cell").want(200, fresh+"/code")
		w.last(notify.Text, "+12065550139")
	})
}

// A corrected address is another invitation; the old one's link is dead, and its address hears so without a name.
func TestCorrectedAddressIsAnotherInvitation(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		inv := w.invited(w.ann, asked(invite.Patient))
		link := path(w, w.last(notify.Email, guest))
		e := form(w.now(inv.ID))
		e.Email = moved
		out, err := w.edit(w.ann, e)
		next := out.Invitation
		if err != nil || !out.EmailChanged || next.ID == inv.ID || next.State != "invited" || next.InviterID != w.ann.ID || next.Cell != inv.Cell || next.SentAt != 0 {
			t.Fatalf("edited %+v: %v", out, err)
		}
		if old := w.now(inv.ID); old.State != "replaced" || old.ReplacedBy != next.ID || old.Email != guest {
			t.Errorf("the old one is %+v", old)
		}
		b := w.browser()
		b.get(link).want(410, "")
		b.post(link+"/ask").want(200, "")
		mail := w.last(notify.Email, guest)
		if w.told(guest) != 2 || w.told(moved) != 0 || strings.Contains(mail.Subject+mail.Text, "Nora") || strings.Contains(mail.Text, moved) || len(mail.Links) > 0 {
			t.Errorf("%d to the old address, %d to the new: %s", w.told(guest), w.told(moved), mail.Text)
		}
		if w.trail("invite.replaced", inv.ID) != 1 || w.trail("invite.made", next.ID) != 1 {
			t.Error("the trail does not say so")
		}
		again, err := w.edit(w.ann, e) // the same form twice
		if err != nil || again.Invitation.ID != next.ID || w.rows("SELECT COUNT(*) FROM invite_invitation") != 2 {
			t.Errorf("the form again: %+v %v", again, err)
		}
		if err := w.invite.Reinvite(t.Context(), w.ann, next.ID); err != nil {
			t.Fatal(err)
		}
		if first := w.last(notify.Email, moved); strings.Contains(first.Subject+first.Text, "sent you a secure message") {
			t.Errorf("the new address has no message: %s", first.Text)
		}
		b = w.browser()
		finish(b, invite.Patient, path(w, w.last(notify.Email, moved)))
	})
}

func TestEditRefusals(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		inv := w.invited(w.ann, asked(invite.Patient))
		other := asked(invite.Patient)
		other.Email = "second@home.example"
		w.invited(w.ann, other)
		ok := form(w.now(inv.ID))
		for name, c := range map[string]struct {
			change          func(e *invite.Edit)
			field, sentence string
		}{
			"no address":        {func(e *invite.Edit) { e.Email = "" }, "email", account.EmailFormat},
			"hostile address":   {func(e *invite.Edit) { e.Email = "<script>@x.example" }, "email", account.EmailFormat},
			"an account's":      {func(e *invite.Edit) { e.Email = "BOB@lakeside.example" }, "email", "Another account uses this email address"},
			"invited already":   {func(e *invite.Edit) { e.Email = "Second@home.example" }, "email", "The practice has already invited this email address"},
			"wrong phone":       {func(e *invite.Edit) { e.Phone = "911" }, "phone", "Enter a phone number in the right format, like (206) 555-0142"},
			"wrong cell":        {func(e *invite.Edit) { e.Cell = "<b>" }, "cell_phone", "Enter a phone number in the right format, like (206) 555-0142"},
			"no number at all":  {func(e *invite.Edit) { e.Phone, e.Cell = "", "" }, "phone", "Enter a phone number or a cell phone number"},
			"number of England": {func(e *invite.Edit) { e.Phone = "+44 20 7946 0018" }, "phone", "Enter a phone number in the right format, like (206) 555-0142"},
		} {
			e := ok
			c.change(&e)
			_, err := w.edit(w.ann, e)
			t.Log(name)
			refusal(t, err, fault.Invalid, c.field, c.sentence)
		}
		if got := w.now(inv.ID); got.Version != ok.Version || !got.Editable() {
			t.Errorf("a refusal changed %+v", got)
		}
		if out, err := w.edit(w.ann, ok); err != nil || out.Changed {
			t.Errorf("nothing typed: %+v %v", out, err)
		}
		b := w.browser()
		finish(b, invite.Patient, path(w, w.last(notify.Email, guest))) // nothing of it ended the link
	})
}

// Only a User Manager of the inviting practice, as the account stands now, edits or sends again.
func TestEditIsForTheOwnManagers(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		inv := w.invited(w.ann, asked(invite.Patient))
		e := form(w.now(inv.ID))
		e.Phone = "206-555-0188"
		visitor, staff := actor.Actor{}, actor.Actor{Kind: actor.Staff, ID: w.ann.ID, PracticeID: w.ann.PracticeID}
		lying := w.bob
		lying.PracticeID = w.ann.PracticeID
		for _, by := range []actor.Actor{w.bob, visitor, staff, lying} {
			_, err := w.edit(by, e)
			refusal(t, err, fault.NotFound, "", "")
			refusal(t, w.invite.Reinvite(t.Context(), by, inv.ID), fault.NotFound, "", "")
		}
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			return w.account.SetManager(ctx, tx, actor.ByProgram("test"), w.ann.ID, false)
		})
		_, err := w.edit(w.ann, e)
		refusal(t, err, fault.NotFound, "", "")
		refusal(t, w.invite.Reinvite(t.Context(), w.ann, inv.ID), fault.NotFound, "", "")
		if w.now(inv.ID).Version != e.Version || w.told(guest) != 1 {
			t.Error("somebody else changed it")
		}
	})
}

// Two edits from one form: one is stored, the other is told, and the trail has one line.
func TestTwoEditsAtOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		for round := range 4 {
			n := asked(invite.Patient)
			n.Email = "p" + string(rune('a'+round)) + "@home.example"
			inv := w.invited(w.ann, n)
			before := w.now(inv.ID)
			errs := make([]error, 4)
			var wg sync.WaitGroup
			for i := range errs {
				wg.Go(func() {
					e := form(before)
					if e.Cell = "+1206555014" + string(rune('0'+i)); i > 1 {
						e.Email = "q" + string(rune('0'+i)) + n.Email
					}
					_, errs[i] = w.invite.Edit(context.WithoutCancel(t.Context()), w.ann, e)
				})
			}
			wg.Wait()
			won := 0
			for _, err := range errs {
				if err == nil {
					won++
				} else {
					refusal(t, err, fault.Conflict, "", "Someone else has changed these details")
				}
			}
			if won != 1 || w.trail("invite.edited", inv.ID)+w.trail("invite.replaced", inv.ID) != 1 {
				t.Errorf("%d of 4 edits were stored: %v", won, errs)
			}
			if open := w.rows("SELECT COUNT(*) FROM invite_invitation WHERE (id = $1 OR email LIKE $2) AND state = 'invited'", inv.ID, "q%"+n.Email); open != 1 {
				t.Errorf("%d open invitations", open)
			}
		}
	})
}

// Edit and registration meet in the row: either the account is made and the edit is told so, or the link is dead.
func TestEditMeetsRegistration(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		inv := w.invited(w.ann, asked(invite.DoctorIn))
		b := w.browser()
		finish(b, invite.DoctorIn, path(w, w.last(notify.Email, guest)))
		link := path(w, w.last(notify.Email, guest))
		b.get(link)
		b.post(link+"/method", "method", "text_cell")
		b.post(link+"/code", "code", b.last(notify.Text, "+12065550131").Code)
		b.post(link+"/terms", "agree", terms).want(200, link+"/password")
		e := form(w.now(inv.ID))
		e.Email = moved
		var err error
		var wg sync.WaitGroup
		wg.Go(func() { _, err = w.invite.Edit(context.WithoutCancel(t.Context()), w.ann, e) })
		b.post(link+"/password", "new_password", pass, "confirm_password", pass)
		wg.Wait()
		made := w.rows("SELECT COUNT(*) FROM account_user WHERE email IN ($1, $2)", guest, moved) == 1
		switch {
		case made && b.code == http.StatusOK && w.now(inv.ID).State == "accepted":
			refusal(t, err, fault.Conflict, "", "registered meanwhile")
		case !made && b.code == http.StatusGone && w.now(inv.ID).State == "replaced" && err == nil:
		default:
			t.Errorf("made %v, page %d, invitation %s, edit %v", made, b.code, w.now(inv.ID).State, err)
		}
		if made {
			refusal(t, w.invite.Reinvite(t.Context(), w.ann, inv.ID), fault.Conflict, "", "registered meanwhile")
		}
	})
}

// Re-invite ends the older link and sends a new one; pressed twice it sends once, and a day has a bound.
func TestReinvite(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		inv := w.invited(w.ann, asked(invite.Patient))
		link := path(w, w.last(notify.Email, guest))
		w.clock.Advance(time.Hour)
		var wg sync.WaitGroup
		errs := make([]error, 5)
		for i := range errs {
			wg.Go(func() { errs[i] = w.invite.Reinvite(context.WithoutCancel(t.Context()), w.ann, inv.ID) })
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil || w.told(guest) != 2 {
			t.Fatalf("%d e-mails: %v", w.told(guest), err)
		}
		if fresh := path(w, w.last(notify.Email, guest)); fresh == link {
			t.Error("the same link again")
		}
		w.browser().get(link).want(410, "")
		var err error
		for range 12 {
			w.clock.Advance(2 * time.Minute)
			err = errors.Join(err, w.invite.Reinvite(t.Context(), w.ann, inv.ID))
		}
		refusal(t, err, fault.TooMany, "", "several times today")
		if n := w.told(guest); n != 11 {
			t.Errorf("%d e-mails, want the first and ten more", n)
		}
	})
}

// A held invitation is corrected too: the number of the practice's word is what the claim needs then.
func TestHeldIsCorrected(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.invited(w.bob, asked(invite.Patient))
		theirs := asked(invite.Patient)
		theirs.Phone, theirs.Cell = "", "(206) 555-0151"
		held := w.invited(w.ann, theirs)
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			hash, err := w.account.Hash(ctx, pass)
			if err != nil {
				return err
			}
			_, err = w.account.Create(ctx, tx, actor.ByProgram("test"), account.NewUser{Email: guest, First: "Nora", Last: "Lind", Role: actor.Patient, PasswordHash: hash, TermsVersion: terms})
			if err != nil {
				return err
			}
			_, err = tx.Exec(ctx, "UPDATE invite_invitation SET state = 'held' WHERE id = $1", held.ID)
			return err
		})
		b := w.browser()
		b.signIn(guest)
		at := "/mail/held/" + held.ID
		b.post(at+"/method", "method", "text_cell").want(200, at+"/code")
		code := w.last(notify.Text, "+12065550151").Code
		e := form(w.now(held.ID))
		e.Cell = "+12065550152"
		if _, err := w.edit(w.ann, e); err != nil {
			t.Fatal(err)
		}
		b.post(at+"/code", "code", code)
		b.post(at).want(409, "")
		if w.now(held.ID).State != "held" {
			t.Error("claimed by the number that was corrected")
		}
		w.clock.Advance(time.Minute)
		if err := w.invite.Reinvite(t.Context(), w.ann, held.ID); err != nil {
			t.Fatal(err)
		}
		if got := path(w, w.last(notify.Email, guest)); got != at {
			t.Errorf("the reminder leads to %s", got)
		}
		b.get(at).want(200, at, "ending 52")
		b.post(at+"/method", "method", "text_cell").want(200, at+"/code")
		b.post(at+"/code", "code", w.last(notify.Text, "+12065550152").Code).want(200, "/mail")
		if w.now(held.ID).State != "accepted" {
			t.Error("not claimed")
		}
	})
}

// An invitation that makes a User Manager goes to the address Support gave.
func TestManagersInvitationKeepsItsAddress(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		n := asked(invite.DoctorIn)
		n.BySupport, n.Manager = true, true
		inv := w.invited(w.ann, n)
		e := form(w.now(inv.ID))
		e.Email = moved
		_, err := w.edit(w.ann, e)
		refusal(t, err, fault.Invalid, "email", "This person will be a User Manager, so only Support can change their email address")
	})
}

// "That is not my number" changes nothing and tells the sender once a day; pressing every button tells nobody.
func TestNotMyNumber(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		inv := w.invited(w.ann, asked(invite.Patient))
		b := w.browser()
		finish(b, invite.Patient, path(w, w.last(notify.Email, guest)))
		link := path(w, w.last(notify.Email, guest))
		b.get(link).want(200, link+"/method", "That is not my number")
		b.get(link+"/wrong").want(200, link+"/wrong", "Ann Miller")
		b.post(link+"/wrong").want(422, "", "Choose the number that is not yours")
		b.post(link+"/wrong", "number", "<script>", "phone", "206-555-0166", "cell_phone", "206-555-0167").want(422, "")
		if w.told(w.ann.Email) != 0 || b.doc.Find("input[type=tel]").Length() > 0 {
			t.Error("somebody was told, or a number can be typed")
		}
		before := w.now(inv.ID)
		for range 3 {
			b.post(link+"/wrong", "number", "both", "phone", "206-555-0166").want(200, "", "We told Ann Miller")
		}
		mail := w.last(notify.Email, w.ann.Email)
		if w.told(w.ann.Email) != 1 || strings.Contains(mail.Subject+mail.Text, "Nora") || strings.Contains(mail.Text, "5550") || path(w, mail) != "/users/"+inv.ID {
			t.Errorf("%d e-mails: %s", w.told(w.ann.Email), mail.Text)
		}
		after := w.now(inv.ID)
		if after.Phone != before.Phone || after.Cell != before.Cell || after.Version != before.Version || after.WrongNumberAt == 0 || w.trail("invite.disputed", inv.ID) != 1 {
			t.Errorf("%+v", after)
		}
		w.clock.Advance(25 * time.Hour)
		b.post(link+"/wrong", "number", "cell").want(200, "")
		if w.told(w.ann.Email) != 2 {
			t.Errorf("%d e-mails after a day", w.told(w.ann.Email))
		}
		e := form(w.now(inv.ID))
		e.Phone = "+12065550177"
		if out, err := w.edit(w.ann, e); err != nil || out.Invitation.WrongNumberAt != 0 || w.now(inv.ID).WrongNumberAt != 0 {
			t.Errorf("corrected, and still noted: %v", err)
		}
		b.post(link+"/wrong", "number", "cell").want(410, "")
	})
}

// Support hears of its own invitations at its own address, and a sender who is no manager is led to Sent.
func TestNotMyNumberTellsWhoInvited(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		n := asked(invite.StaffIn)
		n.BySupport = true
		inv := w.invited(w.ann, n)
		link := path(w, w.last(notify.Email, guest))
		b := w.browser()
		b.post(link+"/wrong", "number", "phone").want(200, "", "We told Support")
		if mail := w.last(notify.Email, helpdesk); path(w, mail) != "/support/u/"+inv.ID || w.told(w.ann.Email) != 0 {
			t.Errorf("Support was sent to %v", mail.Links)
		}
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			return w.account.SetManager(ctx, tx, actor.ByProgram("test"), w.ann.ID, false)
		})
		n = asked(invite.Patient)
		n.Email = "other@home.example"
		w.invited(w.ann, n)
		b = w.browser()
		finish2(b, n.Email)
		link = path(w, w.last(notify.Email, n.Email))
		b.post(link+"/wrong", "number", "phone").want(200, "", "We told Ann Miller")
		if mail := w.last(notify.Email, w.ann.Email); path(w, mail) != "/mail/sent" {
			t.Errorf("the sender was sent to %v", mail.Links)
		}
		w.clock.Advance(25 * time.Hour)
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE account_user SET practice_id = $1, state = CASE id WHEN $2 THEN 'deactivated' ELSE state END", w.ann.PracticeID, w.ann.ID)
			return err
		})
		before := w.told(w.ann.Email)
		b.post(link+"/wrong", "number", "phone").want(200, "")
		if n := w.told(w.ann.Email); n != before || w.told(w.bob.Email) != 1 {
			t.Errorf("the sender's account is closed: %d more e-mails to it, %d to the manager", n-before, w.told(w.bob.Email))
		}
	})
}

// finish2 is finish for a patient of another address.
func finish2(b *browser, email string) {
	b.t.Helper()
	start := path(b.world, b.last(notify.Email, email))
	b.post(start + "/start")
	b.post(start+"/name", "first_name", "Nora", "last_name", "Lind")
	b.post(start+"/phones", "time_zone", "America/Denver")
	b.post(start+"/security").want(200, start+"/sent")
}
