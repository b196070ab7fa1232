package mail_test

import (
	"strings"
	"testing"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/db"
	"securepractice/internal/invite"
	"securepractice/internal/mail"
)

// edited corrects the open invitation of an address, as mel, the practice's manager.
func (w *world) edited(email, to, cell string) string {
	w.t.Helper()
	i, err := w.invite.Find(w.t.Context(), w.d, w.invitation(email))
	must(w.t, err)
	out, err := w.invite.Edit(w.t.Context(), w.people["mel"], invite.Edit{ID: i.ID, Version: i.Version, Email: to, Phone: i.Phone, Cell: cell})
	must(w.t, err)
	return out.Invitation.ID
}

// TestAddressCorrected: messages stay with the address they were written to, their sender sees it, and the holder of the
// new address gets what is written from then on.
func TestAddressCorrected(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: db.NewID(), To: "gloria@example.org", Subject: "first", Body: "for the old address", New: newPatient()})
		must(t, err)
		next := w.edited("gloria@example.org", "gloria.p@example.org", "+12065550177")
		p := w.get("dana", "/mail/sent")
		if got := p.text(".conv"); !strings.Contains(got, "Not delivered: the address changed. Send it again.") || strings.Contains(got, "Resend invitation") {
			t.Errorf("Sent says %q", got)
		}
		if got := w.get("dana", "/mail/t/"+sent.ThreadID).text(".hint"); !strings.Contains(got, "Not delivered: the address changed.") {
			t.Errorf("the conversation says %q", got)
		}
		w.send("dana", "gloria.p@example.org", "second", "for the new address")
		if n := len(w.outbox("gloria.p@example.org")); n != 1 {
			t.Errorf("%d e-mails to the new address, want 1", n)
		}
		w.accept("gloria", next, account.NewUser{First: "Gloria", Last: "P", Role: actor.Patient})
		if got := w.get("gloria", "/mail/inbox").text(".conv"); !strings.Contains(got, "second") || strings.Contains(got, "first") {
			t.Errorf("the Inbox of the new address holds %q", got)
		}
		w.want(1, "SELECT COUNT(*) FROM mail_pending WHERE state = 'waiting'")
	})
}

// TestAddressCorrectedWhileChecking: the verdict comes after the edit; nobody is written to and nothing fails.
func TestAddressCorrectedWhileChecking(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := w.draftWith("dana", "", "plan.pdf", pdf("plan"))
		sent, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: id, To: "gloria@example.org", Subject: "s", Body: "b", New: newPatient()})
		must(t, err)
		if sent.State != mail.Waiting {
			t.Skipf("the file was checked before: %s", sent.State)
		}
		w.edited("gloria@example.org", "gloria.p@example.org", "+12065550177")
		w.work()
		w.want(1, "SELECT COUNT(*) FROM mail_message WHERE state = 'delivered'")
		if n := len(w.outbox("gloria@example.org")) + len(w.outbox("gloria.p@example.org")); n != 0 {
			t.Errorf("%d e-mails left", n)
		}
		if got := w.get("dana", "/mail/sent").text(".conv"); !strings.Contains(got, "Not delivered: the address changed.") {
			t.Errorf("Sent says %q", got)
		}
	})
}

// TestCorrectTheirDetails: User Managers are led from Sent to the person, others are not.
func TestCorrectTheirDetails(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, by := range []string{"dana", "mel"} {
			_, err := w.Send(t.Context(), w.people[by], mail.Compose{DraftID: db.NewID(), To: "gloria@example.org", Subject: "s", Body: "b", New: newPatient()})
			must(t, err)
		}
		link := `href="/users/` + w.invitation("gloria@example.org") + `"`
		if mel, dana := w.get("mel", "/mail/sent").raw, w.get("dana", "/mail/sent").raw; !strings.Contains(mel, link) || strings.Contains(dana, "/users/") {
			t.Errorf("manager is led there: %v; another is: %v", strings.Contains(mel, link), strings.Contains(dana, "/users/"))
		}
		w.exec("UPDATE invite_invitation SET wrong_number_at = 1")
		if got := w.get("dana", "/mail/sent").text(".conv"); !strings.Contains(got, "They say the phone number is not theirs.") {
			t.Errorf("Sent says %q", got)
		}
	})
}
