package mail_test

import (
	"archive/zip"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/fault"
	"securepractice/internal/mail"
)

// invisible checks that nothing of a thread shows to anybody but its author.
func (w *world) invisible(name, threadID string) {
	w.t.Helper()
	w.want(0, "SELECT COUNT(*) FROM mail_member WHERE user_id = $1", "u-"+name)
	w.want(0, "SELECT COUNT(*) FROM mail_delivery WHERE user_id = $1 AND delivered_at IS NOT NULL", "u-"+name)
	if p := w.get(name, "/mail/t/"+threadID); p.code != 404 {
		w.t.Errorf("%s sees a thread that waits: %d", name, p.code)
	}
	if p := w.get(name, "/mail/inbox"); p.Find(".conv").Length() != 0 {
		w.t.Errorf("%s's inbox holds what waits", name)
	}
}

// TestWaitsForFiles: nothing shows before the last clean verdict, then everything follows at once.
func TestWaitsForFiles(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := w.draftWith("dana", "", "Scan 1.pdf", pdf("one"))
		_, err := w.Attach(t.Context(), w.people["dana"], mail.AttachIn{DraftID: id, Name: "Scan 2.pdf", Body: strings.NewReader(string(pdf("two")))})
		must(t, err)
		sent, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: id, To: "santos@example.org", Subject: "s", Body: "Held back"})
		must(t, err)
		if sent.State != mail.Waiting {
			t.Fatalf("state = %q", sent.State)
		}
		w.invisible("santos", sent.ThreadID)
		w.want(0, "SELECT COUNT(*) FROM notify_message")
		w.want(0, "SELECT COUNT(*) FROM mail_draft")
		w.want(0, "SELECT COUNT(*) FROM audit_event WHERE action = 'mail.delivered'")
		if got := w.get("dana", "/mail/sent").text(".conv"); !strings.Contains(got, "Checking attachments") {
			t.Errorf("sent row = %q", got)
		}
		more := w.reply("dana", sent.ThreadID, "No file here.") // it may arrive first
		if more.State != mail.Delivered {
			t.Errorf("the addition: %q", more.State)
		}
		if got := w.get("santos", "/mail/t/"+sent.ThreadID).text("#thread"); !strings.Contains(got, "No file here.") || strings.Contains(got, "Held back") || !strings.Contains(got, "1 message") {
			t.Errorf("the recipient sees %q", got)
		}
		w.clock.Advance(60e9)
		w.work()
		w.want(1, "SELECT COUNT(*) FROM mail_member WHERE user_id = 'u-santos' AND folder = 'inbox' AND unread AND files = 2 AND messages = 2")
		w.want(2, "SELECT COUNT(*) FROM audit_event WHERE action = 'mail.delivered'")
		if n := len(w.outbox("santos@example.org")); n != 2 {
			t.Errorf("%d notices, want 2", n)
		}
		p := w.get("santos", "/mail/t/"+sent.ThreadID)
		links := p.Find(`.files a[aria-label^="Download"]`)
		if links.Length() != 2 || !strings.Contains(p.text(".files"), "Scan 1.pdf") || !strings.Contains(p.text(".files"), "Scanned, no threats found") {
			t.Fatalf("files = %q", p.text(".files"))
		}
		href, _ := links.First().Attr("href")
		for _, name := range []string{"santos", "dana"} {
			got := w.get(name, href)
			if got.code != 200 || got.raw != string(pdf("one")) || !strings.HasPrefix(got.head.Get("Content-Disposition"), "attachment") {
				t.Errorf("%s downloads: %d %q", name, got.code, got.raw)
			}
		}
		w.want(2, "SELECT COUNT(*) FROM audit_event WHERE action = 'file.downloaded'")
		for _, name := range []string{"mel", "fred", "ruth", "sup"} {
			if got := w.get(name, href); got.code != 404 || strings.Contains(got.raw, "%PDF") {
				t.Errorf("%s downloads: %d", name, got.code)
			}
		}
	})
}

// TestInfectedAfterSend: nothing is delivered, the message is a draft again with the file marked, the author is told.
func TestInfectedAfterSend(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := w.draftWith("dana", "", "notes.txt", virus())
		sent, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: id, To: "santos@example.org", Subject: "Planned", Body: "See the notes"})
		must(t, err)
		w.work()
		w.invisible("santos", sent.ThreadID)
		w.want(0, "SELECT COUNT(*) FROM mail_delivery WHERE user_id = 'u-santos'")
		w.want(0, "SELECT COUNT(*) FROM mail_member")
		w.want(1, "SELECT COUNT(*) FROM mail_message WHERE state = 'stopped'")
		w.want(1, "SELECT COUNT(*) FROM audit_event WHERE action = 'mail.stopped'")
		if n := len(w.outbox("santos@example.org")); n != 0 {
			t.Errorf("%d notices to the recipient", n)
		}
		mails := w.outbox("dana@example.org")
		if len(mails) != 1 || mails[0].Subject != "A message you sent was not delivered" || strings.Contains(mails[0].Text, "notes.txt") || strings.Contains(mails[0].Text, "Planned") {
			t.Errorf("the author hears %+v", mails)
		}
		draft := w.get("dana", "/mail/drafts")
		href, _ := draft.Find(".conv a").Attr("href")
		if got := draft.text(".conv"); !strings.Contains(got, "santos@example.org") || !strings.Contains(got, "Planned") {
			t.Fatalf("draft row = %q", got)
		}
		p := w.get("dana", href)
		edit, _ := p.Find(`.acts a.primary`).Attr("href")
		form := w.get("dana", edit)
		if got := form.text(".files"); !strings.Contains(got, "notes.txt") || !strings.Contains(got, "Blocked: notes.txt contains a virus and was not attached") {
			t.Fatalf("files = %q", got)
		}
		back, _ := form.Find("[name=id]").Attr("value")
		link, _ := form.Find("[name=remove]").Attr("value")
		fields := [][2]string{{"id", back}, {"version", "1"}, {"to", "santos@example.org"}, {"subject", "Planned"}, {"body", "See the notes"}}
		if p := w.postFiles("dana", "/mail/new", fields); p.code != 422 || !strings.Contains(p.text(".summary"), "Remove the blocked file") {
			t.Errorf("sending the blocked file: %d %q", p.code, p.text(".summary"))
		}
		if p := w.postFiles("dana", "/mail/new", append(fields, [2]string{"remove", link})); p.code != 303 {
			t.Errorf("remove: %d %q", p.code, p.text(".summary"))
		}
		if p := w.postFiles("dana", "/mail/new", fields); p.code != 303 {
			t.Fatalf("send again: %d %q", p.code, p.text(".summary"))
		}
		w.want(1, "SELECT COUNT(*) FROM mail_member WHERE user_id = 'u-santos' AND folder = 'inbox'")
		// The form that was stopped, sent once more, sends nothing.
		_, err = w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: id, To: "santos@example.org", Subject: "Planned", Body: "See the notes"})
		refused(t, err, fault.Conflict, "")
	})
}

// TestInfectedReply: the reply goes back to its thread's box; to somebody not registered no invitation leaves.
func TestInfectedReply(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.send("dana", "ruth@example.org", "s", "b")
		id := w.draftWith("ruth", sent.ThreadID, "photo.txt", virus())
		_, err := w.Reply(t.Context(), w.people["ruth"], mail.Reply{DraftID: id, ThreadID: sent.ThreadID, Body: "My photo"})
		must(t, err)
		fresh := w.draftWith("dana", "", "x.txt", virus())
		_, err = w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: fresh, To: "gloria@example.org", Subject: "s", Body: "b", New: newPatient()})
		must(t, err)
		w.work()
		w.want(1, "SELECT COUNT(*) FROM mail_member WHERE user_id = 'u-dana' AND thread_id = $1 AND messages = 1 AND folder = 'none'", sent.ThreadID)
		p := w.get("ruth", "/mail/t/"+sent.ThreadID)
		if got := p.text(".conv .snip"); got != "b" {
			t.Errorf("the list shows %q", got)
		}
		if got := p.text("#reply"); !strings.Contains(got, "My photo") || !strings.Contains(got, "Blocked: photo.txt contains a virus") {
			t.Errorf("reply box = %q", got)
		}
		if n := len(w.outbox("gloria@example.org")); n != 0 {
			t.Errorf("%d invitations for a stopped message", n)
		}
		w.want(1, "SELECT COUNT(*) FROM mail_pending WHERE state = 'undeliverable'")
		again := w.send("dana", "gloria@example.org", "s", "clean now")
		if n := len(w.outbox("gloria@example.org")); n != 1 || again.State != mail.Delivered {
			t.Errorf("%d invitations, want 1", n)
		}
	})
}

// TestWaitingToNewcomer: the invitation leaves with the clean verdict; accepted before, the message comes with it too.
func TestWaitingToNewcomer(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := w.draftWith("dana", "", "a.pdf", pdf("a"))
		sent, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: id, To: "gloria@example.org", Subject: "s", Body: "b", New: newPatient()})
		must(t, err)
		w.want(0, "SELECT COUNT(*) FROM notify_message")
		w.accept("gloria", w.invitation("gloria@example.org"), account.NewUser{First: "Gloria", Last: "P", Role: actor.Patient})
		w.invisible("gloria", sent.ThreadID)
		w.work()
		w.want(1, "SELECT COUNT(*) FROM mail_member WHERE user_id = 'u-gloria' AND unread AND files = 1")
		if p := w.get("gloria", "/mail/t/"+sent.ThreadID); p.code != 200 || p.Find(`.files li`).Length() != 1 {
			t.Errorf("thread: %d %q", p.code, p.text("#thread"))
		}
		other := w.draftWith("dana", "", "b.pdf", pdf("b"))
		_, err = w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: other, To: "henry@example.org", Subject: "s", Body: "b", New: newPatient()})
		must(t, err)
		if n := len(w.outbox("henry@example.org")); n != 1 {
			t.Errorf("%d invitations after the verdict, want 1", n)
		}
	})
}

// TestFormWithFiles: files of a refused form stay on the draft and on the page that comes back; nothing typed is lost.
func TestFormWithFiles(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := db.NewID()
		p := w.postFiles("dana", "/mail/new", [][2]string{{"id", id}, {"version", "0"}, {"to", "santos@example.org"}, {"subject", ""}, {"body", "Typed text"}},
			upload{"good.pdf", pdf("x")}, upload{"bad.exe", []byte("MZ")}, upload{"empty.pdf", nil}, upload{"", nil})
		if p.code != 422 || !strings.Contains(p.text(".summary"), "bad.exe: this file type is not accepted") || !strings.Contains(p.text(".summary"), "empty.pdf is empty") {
			t.Fatalf("%d %q", p.code, p.text(".summary"))
		}
		if got := p.text(".attach .files"); !strings.Contains(got, "good.pdf") || strings.Contains(got, "bad.exe") {
			t.Errorf("files = %q", got)
		}
		if p.Find("textarea").Text() != "Typed text" || !strings.HasPrefix(p.Find("title").Text(), "Error: ") {
			t.Errorf("typed text = %q, title %q", p.Find("textarea").Text(), p.Find("title").Text())
		}
		version, _ := p.Find("[name=version]").Attr("value")
		w.want(0, "SELECT COUNT(*) FROM mail_message")
		fields := [][2]string{{"id", id}, {"version", version}, {"to", "santos@example.org"}, {"subject", "s"}, {"body", "Typed text"}}
		if p := w.postFiles("dana", "/mail/new", fields); p.code != 303 {
			t.Fatalf("send: %d %q", p.code, p.text(".summary"))
		}
		w.want(1, "SELECT COUNT(*) FROM mail_message WHERE files = 1")
		// An upload that comes after the message was sent is refused.
		if _, err := w.Attach(t.Context(), w.people["dana"], mail.AttachIn{DraftID: id, Name: "late.pdf", Body: strings.NewReader(string(pdf("late")))}); err == nil {
			t.Error("a file was attached to what was sent")
		}
	})
}

// TestNothingInClear looks for planted words in the database file and among the stored objects.
func TestNothingInClear(t *testing.T) {
	d := dbtest.SQLite(t)
	w := newWorld(t, d)
	words := []string{"PlantedSubject", "PlantedBody", "PlantedName", "PlantedFile", "PlantedDraft", "PlantedReply", "PlantedTemplate", "PlantedContact"}
	id := w.draftWith("dana", "", "PlantedName.pdf", pdf("PlantedFile"))
	sent, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: id, To: "santos@example.org", Subject: "PlantedSubject", Body: "PlantedBody"})
	must(t, err)
	w.work()
	w.reply("santos", sent.ThreadID, "PlantedReply")
	_, err = w.SaveDraft(t.Context(), w.people["dana"], mail.Draft{ID: db.NewID(), To: "PlantedDraft@example.org", Subject: "PlantedDraft", Body: "PlantedDraft"})
	must(t, err)
	w.template("dana", "PlantedTemplate", "PlantedTemplate")
	w.confirm("dana", w.importFile("dana", "PlantedContact,PlantedContact@example.org\n"))
	w.importFile("dana", "PlantedContact,PlantedContact2@example.org\n")
	w.forwardOf("dana", sent.MessageID)
	w.get("santos", "/mail/t/"+sent.ThreadID)
	w.work()
	path := databaseFile(t, d)
	looked := 0
	for _, root := range []string{filepath.Dir(path), w.dir} {
		must(t, filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			b, err := os.ReadFile(p)
			looked++
			for _, word := range words {
				if strings.Contains(string(b), word) {
					t.Errorf("%s holds %q", filepath.Base(p), word)
				}
			}
			return err
		}))
	}
	if looked < 3 {
		t.Fatalf("looked into %d files only", looked)
	}
}

func databaseFile(t *testing.T, d *db.DB) string {
	t.Helper()
	var file string
	_, err := db.All(t.Context(), d, func(row db.Row) (int, error) {
		var seq int64
		var name string
		return 0, row(&seq, &name, &file)
	}, "PRAGMA database_list")
	must(t, err)
	return file
}

// TestMacrosAreNamed: who receives a file that may run something is told beside it.
func TestMacrosAreNamed(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.draws()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range []string{"[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"} {
		if _, err := z.Create(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	sent, _ := w.sendFiles("dana", "santos@example.org", upload{"form.docx", b.Bytes()}, upload{"notes.txt", []byte("hello")})
	if rows := w.get("santos", "/mail/t/"+sent.ThreadID).Find(".files li"); strings.Contains(rows.Last().Text(), "macros") ||
		!strings.Contains(rows.First().Text(), "Contains macros: enable them only if you expected them from this sender") {
		t.Errorf("files = %q", rows.Text())
	}
}
