package e2e

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"securepractice/internal/db/dbtest"
)

// TestJourneyWithoutScripts is the same main job by a browser without scripts, on PostgreSQL.
func TestJourneyWithoutScripts(t *testing.T) {
	owner, _ := dbtest.PostgresURLs(t)
	p := start(t, t.TempDir(), "--database", owner)
	files := sampleFiles(t)
	dana := newClient(t, p.url)
	dana.signIn(p.demo("Dana").Email, p.demo("Dana").Password)
	dana.open("/mail/new")
	dana.pressFiles("Send", files, "to", newcomer, "subject", secretWord, "body", "Please look at these.")
	dana.see("New recipient", "bitewing left.dcm", "photo.jpg") // checked by now or still being checked
	dana.press("Send", "role", "patient", "first_name", "Nora", "last_name", "Lindqvist", "phone", "(206) 555-0130", "cell_phone", "(206) 555-0131")
	dana.see("Message sent.")

	nora := newClient(t, p.url)
	invitation := p.mail(0, "email", newcomer)
	before := len(p.outbox()) // counted once the invitation is there, or it would pass for the next e-mail
	nora.open(invitation.Links[0])
	nora.press("Get Started")
	nora.press("Continue")
	nora.press("Continue", "time_zone", "America/Denver")
	nora.press("Finish")
	nora.see("n***@northgate.example")
	if text := nora.text(); strings.Contains(text, "ADA") || strings.Contains(strings.ToLower(text), "upgrade") {
		t.Errorf("a patient's pages speak of ADA numbers or upgrades: %s", text)
	}
	nora.open(p.mail(before, "email", newcomer).Links[0])
	before = len(p.outbox())
	nora.press("Continue", "method", "call_phone")
	nora.press("Continue", "code", p.mail(before, "call", "+12065550130").Code)
	nora.press("Continue", "agree", nora.doc.Find("input[name=agree]").AttrOr("value", ""))
	nora.press("Continue", "new_password", newcomerPass, "confirm_password", newcomerPass)
	nora.press("Sign In", "email", newcomer, "password", newcomerPass)
	nora.see(secretWord)

	nora.open(nora.doc.Find(".conv a").AttrOr("href", "/no-thread"))
	nora.see("Please look at these.")
	links := nora.doc.Find(`a[href^="/mail/attachments/"]:not([href*="/view"])`)
	if links.Length() != len(files) {
		t.Fatalf("%d files, want %d", links.Length(), len(files))
	}
	thread := nora.at.Path
	nora.pressFiles("Send", files[:1], "body", "Thank you, here is my insurance card.")
	nora.see("Message sent.")
	until(t, "the reply's file to be checked", func() bool {
		dana.open("/mail/inbox")
		return strings.Contains(dana.text(), secretWord)
	})
	dana.open("/mail/sent")
	dana.see("Read ")

	// A free user or patient cannot compose, whatever is sent.
	if nora.open("/mail/new"); nora.code != http.StatusForbidden {
		t.Errorf("a patient sees compose: %d", nora.code)
	}
	if nora.post("/mail/new", url.Values{"id": {"01930000-0000-7000-8000-000000000001"}, "to": {p.demo("Miguel").Email}, "subject": {"x"}, "body": {"y"}, "do": {"send"}}); nora.code != http.StatusForbidden {
		t.Errorf("a crafted request to compose: %d", nora.code)
	}
	strangers(t, p, thread, links.First().AttrOr("href", ""))
}

// strangers: another practice, a colleague, Support: the thread and its files do not exist for them.
func strangers(t *testing.T, p *program, thread, file string) {
	t.Helper()
	for _, name := range []string{"Miguel", "Priya", "Ruth"} {
		c := newClient(t, p.url)
		c.signIn(p.demo(name).Email, p.demo(name).Password)
		for _, path := range []string{thread, file} {
			if c.open(path); c.code != http.StatusNotFound {
				t.Errorf("%s gets %d at somebody else's %s", name, c.code, path)
			}
		}
	}
}

// TestBadFiles: refused files say why at their field, and the others stay on the draft.
func TestBadFiles(t *testing.T) {
	p := start(t, t.TempDir())
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	dana := newClient(t, p.url)
	dana.signIn(p.demo("Dana").Email, p.demo("Dana").Password)
	good := write("letter.pdf", pdf())
	for _, c := range []struct{ path, want string }{
		{write("empty.pdf", nil), "empty.pdf is empty"},
		{write("program.exe", []byte("MZ")), "program.exe: this file type is not accepted"},
	} {
		dana.open("/mail/new")
		dana.pressFiles("Send", []string{good, c.path}, "to", p.demo("Miguel").Email, "subject", "x", "body", "y")
		if dana.code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", c.path, dana.code)
		}
		dana.see(c.want, "letter.pdf")
	}
}
