package mail_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"

	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/mail"
)

// TestTwoTabs: the second tab is told, sees both texts, and chooses; nothing is overwritten unasked.
func TestTwoTabs(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := db.NewID()
		one, err := w.SaveDraft(t.Context(), w.people["dana"], mail.Draft{ID: id, To: "ruth@example.org", Subject: "s", Body: "first"})
		must(t, err)
		save := func(version, body string) (code int, answer struct {
			Error   string
			Version *int64
			Saved   string
		}) {
			t.Helper()
			p := w.post("dana", "/mail/drafts/save", url.Values{"id": {id}, "version": {version}, "to": {"ruth@example.org"}, "subject": {"s"}, "body": {body}})
			must(t, json.Unmarshal([]byte(p.raw), &answer))
			return p.code, answer
		}
		if code, a := save("1", "tab one"); code != 200 || *a.Version != one.Version+1 || a.Saved != "2:40 PM" {
			t.Fatalf("%d %+v", code, a)
		}
		if code, a := save("1", "tab one"); code != 200 || *a.Version != 2 { // the answer was lost, the save comes again
			t.Errorf("same save again: %d %+v", code, a)
		}
		code, a := save("1", "tab two")
		if code != 409 || a.Error != "This draft was changed in another tab." || *a.Version != 2 {
			t.Fatalf("%d %+v", code, a)
		}
		fields := [][2]string{{"id", id}, {"version", "1"}, {"to", "ruth@example.org"}, {"subject", "s"}, {"body", "tab two"}, {"do", "save"}}
		p := w.postFiles("dana", "/mail/new", fields)
		if p.code != 409 || !strings.Contains(p.text("main"), "tab one") || !strings.Contains(p.text("main"), "tab two") {
			t.Fatalf("%d %q", p.code, p.text("main"))
		}
		form := url.Values{}
		p.Find("form[action='/mail/new'] [name]").Each(func(_ int, s *selection) {
			name, _ := s.Attr("name")
			value, _ := s.Attr("value")
			if name == "body" {
				value = s.Text()
			}
			form.Set(name, value)
		})
		if p := w.post("dana", "/mail/new", form); p.code != 303 {
			t.Fatalf("keep mine: %d %q", p.code, p.text(".summary"))
		}
		if got := w.get("dana", "/mail/new?draft="+id).Find("textarea").Text(); got != "tab two" {
			t.Errorf("kept %q", got)
		}
		if p := w.postFiles("dana", "/mail/new", [][2]string{{"id", id}, {"version", "3"}, {"to", "ruth@example.org"}, {"subject", "s"}, {"body", "sent"}}); p.code != 303 {
			t.Fatalf("send: %d", p.code)
		}
		if code, a := save("3", "too late"); code != 409 || a.Error != "This message was sent." || a.Version != nil {
			t.Errorf("save after sending: %d %+v", code, a)
		}
	})
}

// TestDeletedElsewhere: a save of a draft that is gone may bring it back, if the writer says so.
func TestDeletedElsewhere(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := w.draftWith("dana", "", "a.pdf", pdf("a"))
		if p := w.get("dana", "/mail/d/"+id+"/delete"); !strings.Contains(p.text("main"), "Delete this draft? You cannot get it back.") {
			t.Fatalf("the question: %q", p.text("main"))
		}
		if p := w.post("dana", "/mail/d/"+id+"/delete", nil); p.code != 303 {
			t.Fatalf("delete: %d", p.code)
		}
		w.want(0, "SELECT COUNT(*) FROM mail_draft")
		w.want(0, "SELECT COUNT(*) FROM attach_link")
		_, err := w.SaveDraft(t.Context(), w.people["dana"], mail.Draft{ID: id, Version: 1, Body: "still writing"})
		var changed *mail.Changed
		if !errors.As(err, &changed) || changed.Stored.Version != 0 || !fault.Is(err, fault.Conflict) {
			t.Fatalf("err = %v", err)
		}
		if _, err := w.SaveDraft(t.Context(), w.people["dana"], mail.Draft{ID: id, Version: 0, Body: "still writing"}); err != nil {
			t.Errorf("bring it back: %v", err)
		}
	})
}

// TestReplyDraft is kept with its thread, opened from Drafts, and gone when it is sent.
func TestReplyDraft(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.send("dana", "ruth@example.org", "Your crown", "b")
		path := "/mail/t/" + sent.ThreadID
		form := w.get("ruth", path)
		id, _ := form.Find("#reply [name=id]").Attr("value")
		p := w.post("ruth", "/mail/drafts/save", url.Values{"id": {id}, "thread": {sent.ThreadID}, "version": {"0"}, "body": {"It feels high"}})
		if p.code != 200 {
			t.Fatalf("save: %d %s", p.code, p.raw)
		}
		if got := w.get("ruth", path).Find("textarea").Text(); got != "It feels high" {
			t.Errorf("reply box = %q", got)
		}
		row := w.get("ruth", "/mail/drafts")
		if got := row.text(".conv"); !strings.Contains(got, "Dana Whitfield") || !strings.Contains(got, "Your crown") || !strings.Contains(got, "Draft.") {
			t.Errorf("row = %q", got)
		}
		href, _ := row.Find(".conv a").Attr("href")
		edit, _ := w.get("ruth", href).Find(".acts a.primary").Attr("href")
		if edit != path+"?draft="+id+"#reply" {
			t.Errorf("Edit leads to %q", edit)
		}
		files := w.postFiles("ruth", "/mail/drafts/file?thread="+sent.ThreadID, [][2]string{{"id", id}}, upload{"photo.pdf", pdf("x")})
		var up struct{ ID, Name, State string }
		must(t, json.Unmarshal([]byte(files.raw), &up))
		if files.code != 200 || up.Name != "photo.pdf" {
			t.Fatalf("upload: %d %s", files.code, files.raw)
		}
		if got := w.get("ruth", "/mail/drafts/"+id+"/files").raw; !strings.Contains(got, up.ID) {
			t.Errorf("files = %s", got)
		}
		reply := w.postFiles("ruth", path+"/reply", [][2]string{{"id", id}, {"version", "1"}, {"body", "It feels high"}})
		if reply.code != 303 {
			t.Fatalf("reply: %d %q", reply.code, reply.text(".summary"))
		}
		w.want(0, "SELECT COUNT(*) FROM mail_draft")
		w.work()
		w.want(1, "SELECT COUNT(*) FROM mail_member WHERE user_id = 'u-dana' AND unread AND files = 1")
		empty := w.postFiles("ruth", path+"/reply", [][2]string{{"id", db.NewID()}, {"version", "0"}, {"body", "  "}})
		if empty.code != 422 || !strings.Contains(empty.text("#reply"), "Enter a message") {
			t.Errorf("empty reply: %d", empty.code)
		}
	})
}

// TestFirstFileStoresDraft: a file may come before anything was typed, and the first save then writes over the empty draft.
func TestFirstFileStoresDraft(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := db.NewID()
		p := w.postFiles("dana", "/mail/drafts/file", [][2]string{{"id", id}}, upload{"a.pdf", pdf("a")})
		if p.code != 200 || !strings.Contains(p.raw, `"version":1`) {
			t.Fatalf("%d %s", p.code, p.raw)
		}
		if p := w.post("dana", "/mail/drafts/save", url.Values{"id": {id}, "version": {"0"}, "body": {"typed meanwhile"}}); p.code != 200 {
			t.Errorf("save: %d %s", p.code, p.raw)
		}
		for name, bad := range map[string]upload{"a.exe: this file type is not accepted": {"a.exe", []byte("MZ")}, "a.pdf is already attached": {"a.pdf", pdf("b")}} {
			p := w.postFiles("dana", "/mail/drafts/file", [][2]string{{"id", id}}, bad)
			if p.code != 422 || !strings.Contains(p.raw, name) {
				t.Errorf("%d %s, want %q", p.code, p.raw, name)
			}
		}
		var files []struct{ ID string }
		must(t, json.Unmarshal([]byte(w.get("dana", "/mail/drafts/"+id+"/files").raw), &files))
		if p := w.post("dana", "/mail/drafts/file/remove", url.Values{"id": {id}, "remove": {files[0].ID}}); p.code != 200 {
			t.Errorf("remove: %d", p.code)
		}
		w.want(0, "SELECT COUNT(*) FROM attach_link")
	})
}

// TestContacts fills To by choosing, and takes a contact's name for the address.
func TestContacts(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		if p := w.get("dana", "/mail/new"); p.Find("[value=contacts]").Length() != 0 {
			t.Error("Contacts is offered without any")
		}
		w.send("dana", "santos@example.org", "s", "b")
		p := w.postFiles("dana", "/mail/new", [][2]string{{"id", db.NewID()}, {"version", "0"}, {"to", ""}, {"subject", "half"}, {"body", "written"}, {"do", "contacts"}})
		if p.code != 303 {
			t.Fatalf("contacts: %d", p.code)
		}
		list := w.get("dana", p.head.Get("Location")+"&q=EASTLAKE")
		href, _ := list.Find(".conv a").Attr("href")
		form := w.get("dana", href)
		to, _ := form.Find("[name=to]").Attr("value")
		subject, _ := form.Find("[name=subject]").Attr("value")
		if to != "santos@example.org" || subject != "half" || form.Find("textarea").Text() != "written" {
			t.Errorf("chosen: %q %q", to, subject)
		}
		if got := w.get("dana", "/mail/contacts?q=nobody").Find(".conv").Length(); got != 0 {
			t.Errorf("%d contacts match nothing", got)
		}
		w.send("dana", "miguel santos", "by name", "b")
		w.want(2, "SELECT COUNT(*) FROM mail_member WHERE user_id = 'u-santos'")
		for to, want := range map[string]string{"santos@example.org": `"known":true`, "new@example.org": `"new":true`, "nonsense": `"known":false`} {
			r := w.postJSON("dana", "/mail/recipient", `{"to":"`+to+`"}`)
			if r.code != 200 || !strings.Contains(r.raw, want) {
				t.Errorf("%s: %d %s", to, r.code, r.raw)
			}
		}
		if r := w.postJSON("ruth", "/mail/recipient", `{"to":"dana@example.org"}`); r.code != 403 || strings.Contains(r.raw, "Whitfield") {
			t.Errorf("a patient looks people up: %d %s", r.code, r.raw)
		}
	})
}
