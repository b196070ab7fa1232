package mail_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"securepractice/internal/db"
)

// TestNewRecipientsInPlace walks the page without scripts: each new address gets its own block, its errors stand at its
// own fields, nothing typed is lost, and the corrected form goes out.
func TestNewRecipientsInPlace(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.allow(5)
		if p := w.get("dana", "/mail/new"); p.Find("textarea[name=to]").Length() != 1 || p.Find("[data-newcomer]:not([hidden])").Length() != 0 {
			t.Error("the empty form")
		}
		form := url.Values{"id": {db.NewID()}, "version": {"0"}, "to": {"b@example.org\r\nruth@example.org; a@example.org"}, "subject": {"s"}, "body": {"b"}}
		p := w.post("dana", "/mail/new", form)
		blocks := p.Find("[data-newcomer]:not([hidden])")
		if p.code != 422 || blocks.Length() != 2 || strings.TrimSpace(blocks.Eq(1).Find("[data-of]").Text()) != "a@example.org" || blocks.Eq(0).Find("[data-for]").AttrOr("value", "") != "b@example.org" {
			t.Fatalf("%d %q", p.code, blocks.Text())
		}
		for name, value := range map[string]string{"new_for": "b@example.org", "role": "doctor_out", "first_name": "Bea", "last_name": "B", "cell_phone": "(206) 555-0142",
			"new_for_2": "a@example.org", "role_2": "patient", "first_name_2": "Al", "last_name_2": "", "phone_2": "12"} {
			form.Set(name, value)
		}
		p = w.post("dana", "/mail/new", form)
		if p.code != 422 || p.text("#last_name_2-e") != "Error: Enter their last name" || p.Find("#phone_2-e").Length() != 1 || p.Find("#phone-e, #last_name-e").Length() != 0 {
			t.Fatalf("%d %q", p.code, p.text("[data-summary]"))
		}
		if got, _ := p.Find("#first_name_2").Attr("value"); got != "Al" {
			t.Errorf("the second first name is %q", got)
		}
		if p.Find("[data-summary] a[href='#last_name_2']").Length() != 1 {
			t.Error("the summary does not lead to the second block")
		}
		form.Set("last_name_2", "A")
		form.Set("phone_2", "(206) 555-0143")
		form.Set("do", "save")
		p = w.post("dana", "/mail/new", form)
		d := w.get("dana", p.head.Get("Location"))
		if got, _ := d.Find("#phone_2").Attr("value"); d.Find("[data-newcomer]:not([hidden])").Length() != 2 || got != "(206) 555-0143" {
			t.Fatalf("the draft keeps %q", d.text("form"))
		}
		form.Del("do")
		form.Set("version", d.Find("[name=version]").AttrOr("value", ""))
		p = w.post("dana", "/mail/new", form)
		if p.code != 303 || p.head.Get("Location") != "/mail/sent" {
			t.Fatalf("%d to %q: %q", p.code, p.head.Get("Location"), p.text("[data-summary]"))
		}
		w.want(3, "SELECT COUNT(*) FROM mail_message")
		w.want(1, "SELECT COUNT(*) FROM invite_invitation WHERE email = 'a@example.org' AND role = 'patient'")
		w.want(1, "SELECT COUNT(*) FROM invite_invitation WHERE email = 'b@example.org' AND role = 'doctor_out'")
	})
}

// TestDoubts: an address that resembles a common or a known domain is asked about, exchanged on demand with what was typed
// of its person, and sent as it is when the writer keeps it.
func TestDoubts(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		form := url.Values{"id": {db.NewID()}, "version": {"0"}, "to": {"theo@gmial.com"}, "subject": {"s"}, "body": {"b"},
			"new_for": {"theo@gmial.com"}, "role": {"patient"}, "first_name": {"Theo"}, "last_name": {"B"}}
		p := w.post("dana", "/mail/new", form)
		if got := p.text("[data-doubts]"); p.code != 422 || !strings.Contains(got, "Did you mean theo@gmail.com?") {
			t.Fatalf("%d %q", p.code, got)
		}
		form.Set("swap", "theo@gmial.com")
		p = w.post("dana", "/mail/new", form)
		d := w.get("dana", p.head.Get("Location"))
		if to, _ := d.Find("#to").Attr("value"); p.code != 303 || to != "theo@gmail.com" || d.Find("#first_name").AttrOr("value", "") != "Theo" || d.Find("[data-for]").AttrOr("value", "") != "theo@gmail.com" {
			t.Errorf("%d: To is %q", p.code, to)
		}
		form.Del("swap")
		form.Set("id", db.NewID())
		form.Set("cell_phone", "(206) 555-0142")
		if p := w.post("dana", "/mail/new", form); p.code != 303 {
			t.Errorf("kept as typed: %d %q", p.code, p.text("[data-summary]"))
		}
		w.want(1, "SELECT COUNT(*) FROM invite_invitation WHERE email = 'theo@gmial.com'")
		var a struct {
			New   bool
			Meant string
		}
		w.send("dana", "santos@example.org", "makes a contact", "b")
		must(t, json.Unmarshal([]byte(w.postJSON("dana", "/mail/recipient", `{"to":"new@exmaple.org"}`).raw), &a))
		if !a.New || a.Meant != "new@example.org" {
			t.Errorf("a contact's domain: %+v", a)
		}
		a.Meant = ""
		must(t, json.Unmarshal([]byte(w.postJSON("mel", "/mail/recipient", `{"to":"new@exmaple.org"}`).raw), &a))
		if a.Meant != "" {
			t.Errorf("a colleague's contact's domain: %+v", a)
		}
	})
}

// TestChooseContacts: the dialog lists one's own contacts, and only to somebody who may compose.
func TestChooseContacts(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.send("dana", "santos@example.org", "s", "b")
		w.send("dana", "ruth@example.org", "s", "b")
		w.send("mel", "theo@example.org", "s", "b")
		if got := w.get("dana", "/mail/contacts/choose").raw; strings.TrimSpace(got) != `{"contacts":[{"name":"Miguel Santos","org":"Eastlake Oral Surgery","email":"santos@example.org"},{"name":"Ruth Okafor","org":"Patient","email":"ruth@example.org"}]}` {
			t.Errorf("contacts = %s", got)
		}
		if got := w.get("dana", "/mail/contacts/choose?q=okaf").raw; strings.Contains(got, "Santos") || !strings.Contains(got, "Ruth") {
			t.Errorf("found = %s", got)
		}
		for _, name := range []string{"gus", "ruth"} {
			if p := w.get(name, "/mail/contacts/choose"); p.code != 403 {
				t.Errorf("%s: %d", name, p.code)
			}
		}
		w.allow(3)
		d := w.post("dana", "/mail/new", url.Values{"id": {db.NewID()}, "to": {"mel@example.org"}, "do": {"contacts"}})
		href, _ := w.get("dana", d.head.Get("Location")).Find(`a[href*="contact="]`).First().Attr("href")
		if to := w.get("dana", href).Find("[name=to]").Text(); to != "mel@example.org, santos@example.org" {
			t.Errorf("without scripts To is %q", to)
		}
	})
}

// TestSignatureAlone: a signature is no message, whatever is done to its spaces and lines.
func TestSignatureAlone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := w.post("dana", "/profile/messaging", url.Values{"signature": {"Dana Whitfield\nHarbor Point Dental"}, "notice_new": {"email"}, "notice_pace": {"once"}, "notice_read": {"none"}, "version": {"0"}})
		if p.code != 303 {
			t.Fatalf("settings: %d %s", p.code, p.text("main"))
		}
		for _, body := range []string{"\r\n\r\nDana Whitfield\r\nHarbor Point Dental", "Dana Whitfield   Harbor\n\n\nPoint Dental  \n", "Dana\tWhitfield\n\u00a0\nHarbor Point Dental"} {
			p := w.post("dana", "/mail/new", url.Values{"id": {db.NewID()}, "to": {"santos@example.org"}, "subject": {"s"}, "body": {body}})
			if p.code != 422 || p.text("#body-e") != "Error: Enter a message" {
				t.Errorf("%q: %d %q", body, p.code, p.text("#body-e"))
			}
		}
		w.want(0, "SELECT COUNT(*) FROM mail_message")
		if p := w.post("dana", "/mail/new", url.Values{"id": {db.NewID()}, "to": {"santos@example.org"}, "subject": {"s"}, "body": {"Thanks.\nDana Whitfield\nHarbor Point Dental"}}); p.code != 303 {
			t.Errorf("with one word more: %d", p.code)
		}
	})
}
