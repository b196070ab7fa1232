package mail_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"securepractice/internal/mail"
	"securepractice/internal/notify"
)

// toldOfDrafts lists the notices about attachments of drafts.
func (w *world) toldOfDrafts(name string) (list []notify.OutboxItem) {
	w.t.Helper()
	for _, m := range w.outbox(name + "@example.org") {
		if strings.HasPrefix(m.Subject, "Attachments of ") {
			list = append(list, m)
		}
	}
	return list
}

// lieIdle lets days pass and does the work of all nodes at once.
func (w *world) lieIdle(days int) {
	w.t.Helper()
	w.clock.Advance(time.Duration(days) * oneDay)
	var wg sync.WaitGroup
	errs := make([]error, 3)
	for i := range errs {
		wg.Go(func() { errs[i] = w.EndIdleFiles(w.t.Context()) })
	}
	wg.Wait()
	must(w.t, errors.Join(errs...))
}

func (w *world) filesOf(draftID string) int64 {
	w.t.Helper()
	return w.count("SELECT COUNT(*) FROM attach_link WHERE holder = $1", "mail:"+draftID)
}

// TestIdleDraftLosesItsFiles: after 30 days, a week after one e-mail that says nothing private; what was written stays, and
// the draft says what happened and takes files again.
func TestIdleDraftLosesItsFiles(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := w.draftWith("dana", "", "x-ray of Ruth.pdf", pdf("x"))
		d, err := w.SaveDraft(t.Context(), w.people["dana"], mail.Draft{ID: id, Version: 1, Subject: "Root canal", Body: "Dear Ruth"})
		must(t, err)
		second := w.draftWith("dana", "", "b.pdf", pdf("b"))
		textOnly, err := w.SaveDraft(t.Context(), w.people["dana"], mail.Draft{ID: "01900000-0000-7000-8000-000000000001", Body: "No files"})
		must(t, err)
		w.work()
		w.lieIdle(22)
		if len(w.toldOfDrafts("dana")) != 0 {
			t.Fatal("told before 23 days")
		}
		w.lieIdle(2)
		w.lieIdle(0)
		told := w.toldOfDrafts("dana")
		if len(told) != 1 || told[0].Subject != "Attachments of 2 drafts will be removed in 7 days" {
			t.Fatalf("told %d times: %+v", len(told), told)
		}
		for _, private := range []string{"Ruth", "Root", "x-ray", "Dear"} {
			if strings.Contains(told[0].Text+told[0].Subject, private) {
				t.Errorf("the e-mail says %q", private)
			}
		}
		w.lieIdle(6) // the 30th day, six days after the notice
		if w.filesOf(id) != 1 {
			t.Fatal("removed before the week was over")
		}
		w.lieIdle(2)
		if w.filesOf(id) != 0 || w.filesOf(second) != 0 {
			t.Fatal("the files are still there")
		}
		w.want(2, "SELECT COUNT(*) FROM attach_file WHERE state = 'gone' AND wrapped_dek IS NULL")
		w.want(2, "SELECT COUNT(*) FROM audit_event WHERE action = 'file.shredded'")
		w.want(3, "SELECT COUNT(*) FROM mail_draft")
		p := w.get("dana", "/mail/d/"+id)
		if text := p.text("main"); !strings.Contains(text, "Dear Ruth") || !strings.Contains(text, "were removed on") || !strings.Contains(text, "not changed for 30 days") {
			t.Errorf("the draft's page: %q", text)
		}
		if strings.Contains(w.get("dana", "/mail/d/"+textOnly.ID).text("main"), "were removed on") {
			t.Error("a draft that had no files says that they were removed")
		}
		_, err = w.Attach(t.Context(), w.people["dana"], mail.AttachIn{DraftID: id, Name: "again.pdf", Body: strings.NewReader(string(pdf("y")))})
		must(t, err)
		w.clock.Advance(time.Minute)
		d.Body += " again"
		_, err = w.SaveDraft(t.Context(), w.people["dana"], d)
		must(t, err)
		if strings.Contains(w.get("dana", "/mail/d/"+id).text("main"), "were removed on") {
			t.Error("it says so still after an edit")
		}
		w.lieIdle(1)
		if w.filesOf(id) != 1 {
			t.Error("the new file was removed on the old notice")
		}
	})
}

// TestIdleDraftIsKept: by an edit after the notice, by a new file, when its writer cannot be told, and when the setting says never.
func TestIdleDraftIsKept(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		edited := w.draftWith("dana", "", "a.pdf", pdf("a"))
		added := w.draftWith("dana", "", "b.pdf", pdf("b"))
		unreachable := w.draftWith("mel", "", "c.pdf", pdf("c"))
		w.work()
		w.exec("UPDATE account_user SET state = 'deactivated' WHERE id = $1", w.people["mel"].ID)
		w.lieIdle(24)
		_, err := w.SaveDraft(t.Context(), w.people["dana"], mail.Draft{ID: edited, Version: 1, Body: "still at it"})
		must(t, err)
		w.clock.Advance(oneDay)
		_, err = w.Attach(t.Context(), w.people["dana"], mail.AttachIn{DraftID: added, Name: "more.pdf", Body: strings.NewReader(string(pdf("m")))})
		must(t, err)
		w.lieIdle(10)
		if w.filesOf(edited) != 1 || w.filesOf(added) != 2 {
			t.Fatalf("%d and %d files", w.filesOf(edited), w.filesOf(added))
		}
		w.lieIdle(15) // idle again: another notice, and then the end
		if n := len(w.toldOfDrafts("dana")); n != 2 || w.filesOf(added) != 2 {
			t.Fatalf("told %d times, %d files", n, w.filesOf(added))
		}
		w.lieIdle(8)
		if w.filesOf(edited) != 0 || w.filesOf(added) != 0 {
			t.Errorf("%d and %d files are left", w.filesOf(edited), w.filesOf(added))
		}
		if w.filesOf(unreachable) != 1 {
			t.Error("a writer who could not be told lost a file")
		}
	})
}
