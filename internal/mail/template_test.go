package mail_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/mail"
)

// template stores one for a person's practice and returns its id.
func (w *world) template(by, title, body string) string {
	w.t.Helper()
	id := db.NewID()
	must(w.t, w.SaveTemplate(w.t.Context(), w.people[by], mail.Template{ID: id, Title: title, Body: body}))
	return id
}

// TestTemplates are written by managers and paid users, read by all of the practice, and nobody else's.
func TestTemplates(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		form := w.get("dana", "/mail/templates/new")
		id := form.Find("[name=id]").AttrOr("value", "")
		typed := url.Values{"id": {id}, "version": {"0"}, "title": {" After a\r\ncrown\u202e "}, "body": {"Dear {First  Name},\n\ncall {practice}.\n"}}
		for range 2 { // sent twice
			if p := w.post("dana", "/mail/templates/new", typed); p.code != 303 {
				t.Fatalf("save: %d %q", p.code, p.text(".summary"))
			}
		}
		w.want(1, "SELECT COUNT(*) FROM mail_template")
		w.want(1, "SELECT COUNT(*) FROM audit_event WHERE action = 'template.saved' AND subject_id = $1", id)
		for _, as := range []string{"dana", "mel", "gus"} {
			if got := w.get(as, "/mail/templates").text(".conv"); got != "After a crown Dear {First Name}, call {practice}." {
				t.Errorf("%s sees %q", as, got)
			}
		}
		path := "/mail/templates/" + id
		if p := w.get("gus", path); p.code != 200 || p.Find("textarea").Length() != 0 || !strings.Contains(p.text("main"), "call {practice}.") {
			t.Errorf("a reader: %d", p.code)
		}
		typed.Set("version", "1")
		for _, ask := range []func(string) page{
			func(as string) page { return w.get(as, "/mail/templates/new") },
			func(as string) page { return w.post(as, path, typed) },
			func(as string) page { return w.get(as, path+"/delete") },
			func(as string) page { return w.post(as, path+"/delete", nil) },
		} {
			if p := ask("gus"); p.code != 403 {
				t.Errorf("a reader writes: %d", p.code)
			}
			if p := ask("ruth"); p.code != 404 {
				t.Errorf("a patient writes: %d", p.code)
			}
		}
		for _, as := range []string{"ruth", "sup"} {
			if p := w.get(as, "/mail/templates"); p.code != 404 || strings.Contains(p.raw, "crown") {
				t.Errorf("%s: %d", as, p.code)
			}
		}
		if p := w.get("ruth", "/mail/inbox"); strings.Contains(p.raw, "/mail/templates") {
			t.Error("a patient is shown the way to templates")
		}
		w.want(1, "SELECT COUNT(*) FROM mail_template WHERE version = 1")
	})
}

// TestTemplatesOfOthers: another practice gets for a template what it gets for none, in the same words.
func TestTemplatesOfOthers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := w.template("dana", "Secret title", "Secret text")
		if got := w.get("santos", "/mail/templates").text("main"); strings.Contains(got, "Secret") {
			t.Errorf("list: %q", got)
		}
		form := url.Values{"version": {"1"}, "title": {"t"}, "body": {"b"}}
		for _, ask := range []func(id string) page{
			func(id string) page { return w.get("santos", "/mail/templates/"+id) },
			func(id string) page { return w.get("fred", "/mail/templates/"+id) },
			func(id string) page { return w.get("santos", "/mail/templates/"+id+"/delete") },
			func(id string) page { return w.post("santos", "/mail/templates/"+id+"/delete", nil) },
			func(id string) page { return w.post("santos", "/mail/templates/"+id, form) },
			func(id string) page {
				return w.postFiles("santos", "/mail/new", [][2]string{{"id", db.NewID()}, {"version", "0"}, {"to", "x"}, {"body", "kept"}, {"template", id}, {"do", "insert"}})
			},
		} {
			got, none := ask(id), ask(db.NewID())
			if got.code != none.code || got.code < 400 || strings.Contains(got.raw, "Secret") {
				t.Errorf("%d, what does not exist: %d", got.code, none.code)
			}
		}
		if r := w.postJSON("santos", "/mail/templates/fill", `{}`); r.code != 200 || r.raw != "[]\n" && r.raw != "[]" {
			t.Errorf("fill: %d %q", r.code, r.raw)
		}
		if r := w.postJSON("ruth", "/mail/templates/fill", `{}`); r.code != 404 {
			t.Errorf("a patient fills: %d", r.code)
		}
		w.want(1, "SELECT COUNT(*) FROM mail_template WHERE version = 1 AND practice_id = 'p-harbor'")
	})
}

// TestTemplateRefuses says what is wrong beside its field and gives back what was typed.
func TestTemplateRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, tc := range []struct{ title, body, field, want string }{
			{" \u200b ", "b", "title", "Enter a title"}, {strings.Repeat("é", 101), "b", "title", "Title must be 100 characters or fewer"},
			{"t", " \n", "body", "Enter a text"}, {"t", strings.Repeat("é", 5001), "body", "Text must be 5,000 characters or fewer"},
			{"t", "{first name} {insurance} {Fee} {insurance}", "body", "{insurance}, {Fee} cannot be filled in. Use {first name}, {last name}, {practice}, {my name} or {date}."},
		} {
			err := w.SaveTemplate(t.Context(), w.people["mel"], mail.Template{ID: db.NewID(), Title: tc.title, Body: tc.body})
			if got := fault.From(err).For(tc.field); got != tc.want {
				t.Errorf("%q %.20q: %q", tc.title, tc.body, got)
			}
		}
		const evil = `"><script>alert(1)</script>`
		p := w.post("dana", "/mail/templates/new", url.Values{"id": {db.NewID()}, "version": {"0"}, "title": {evil}, "body": {evil + " {x}"}})
		if p.code != 422 || p.Find("textarea[name=body]").Text() != evil+" {x}" || p.Find("[name=title]").AttrOr("value", "") != evil {
			t.Errorf("%d %q", p.code, p.text(".summary"))
		}
		harmless(t, "refused template", p)
		id := w.template("dana", evil, evil+" { a single brace, and {date}")
		for _, path := range []string{"/mail/templates", "/mail/templates/" + id, "/mail/templates/" + id + "/delete", "/mail/new"} {
			p := w.get("dana", path)
			if p.code != 200 {
				t.Errorf("%s: %d", path, p.code)
			}
			harmless(t, path, p)
		}
	})
}

// TestTemplateTwoWindows: the second is told what the first saved, loses nothing, and chooses.
func TestTemplateTwoWindows(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := w.template("dana", "t", "first")
		path := "/mail/templates/" + id
		form := url.Values{"version": {"1"}, "title": {"t"}, "body": {"one"}}
		if p := w.post("dana", path, form); p.code != 303 {
			t.Fatalf("%d", p.code)
		}
		if p := w.post("dana", path, form); p.code != 303 { // the answer was lost
			t.Errorf("the same again: %d", p.code)
		}
		form.Set("body", "two")
		p := w.post("mel", path, form)
		if p.code != 409 || p.Find("textarea[name=body]").Text() != "two" || !strings.Contains(p.text("main"), "Saved in the other window: one") || p.Find("[name=version]").AttrOr("value", "") != "2" {
			t.Fatalf("%d %q", p.code, p.text("main"))
		}
		form.Set("version", "2")
		if p := w.post("mel", path, form); p.code != 303 {
			t.Errorf("keep mine: %d", p.code)
		}
		if p := w.get("mel", path+"/delete"); !strings.Contains(p.text("h1"), "Delete this template? You cannot get it back.") {
			t.Errorf("the question: %q", p.text("h1"))
		}
		if p := w.post("mel", path+"/delete", nil); p.code != 303 {
			t.Errorf("delete: %d", p.code)
		}
		w.want(1, "SELECT COUNT(*) FROM audit_event WHERE action = 'template.deleted' AND subject_id = $1", id)
		form.Set("version", "3")
		p = w.post("dana", path, form)
		again := p.Find("form.compose").AttrOr("action", "")
		if p.code != 409 || again != "/mail/templates/new" || p.Find("textarea[name=body]").Text() != "two" {
			t.Fatalf("deleted elsewhere: %d %q", p.code, again)
		}
		form.Set("id", p.Find("[name=id]").AttrOr("value", ""))
		if p := w.post("dana", again, form); p.code != 303 {
			t.Errorf("stored as a new one: %d", p.code)
		}
		w.want(1, "SELECT COUNT(*) FROM mail_template")
	})
}

// TestInsertTemplate fills names in, in Compose and in the reply box, without a script; what was typed stays.
func TestInsertTemplate(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := w.template("dana", "Welcome", "Dear {first name} {LAST NAME},\n{practice}, {my name}, {date}")
		const date = "November 23, 2026"
		must(t, w.SavePreferences(t.Context(), w.people["dana"], mail.Preferences{Signature: "Dana", New: "email", Pace: "once", Read: "none"}))
		insert := func(as, path string, fields ...[2]string) (page, string) {
			t.Helper()
			p := w.postFiles(as, path, append([][2]string{{"id", db.NewID()}, {"version", "0"}, {"template", id}, {"do", "insert"}}, fields...))
			if p.code != 303 {
				return p, p.Find("textarea[name=body]").Text()
			}
			p = w.get(as, strings.TrimSuffix(p.head.Get("Location"), "#reply"))
			return p, strings.TrimPrefix(p.Find("textarea[name=body]").Text(), "\n")
		}
		for _, tc := range []struct{ to, body, want string }{
			{"santos@example.org", "Dana asked.\n\nDana", "Dana asked.\n\nDear Miguel Santos,\nHarbor Point Dental, Dana Whitfield, " + date + "\n\nDana"},
			{"nobody@example.org", "", "Dear {first name} {LAST NAME},\nHarbor Point Dental, Dana Whitfield, " + date},
			{"", "\n\nDana\n\n---------- Forwarded message ----------\nFrom: x", "Dear {first name} {LAST NAME},\nHarbor Point Dental, Dana Whitfield, " + date + "\n\nDana\n\n---------- Forwarded message ----------\nFrom: x"},
		} {
			p, got := insert("dana", "/mail/new", [2]string{"to", tc.to}, [2]string{"subject", "kept"}, [2]string{"body", tc.body})
			if got != tc.want || p.Find("[name=subject]").AttrOr("value", "") != "kept" || p.Find("[name=to]").AttrOr("value", "") != tc.to {
				t.Errorf("to %q: %q", tc.to, got)
			}
		}
		if _, got := insert("dana", "/mail/new", [2]string{"to", "new@example.org"}, [2]string{"first_name", "{date}"}, [2]string{"last_name", "$1"}); !strings.HasPrefix(got, "Dear {date} $1,") {
			t.Errorf("newcomer: %q", got)
		}
		if p, got := insert("dana", "/mail/new", [2]string{"template", ""}, [2]string{"body", "typed"}); p.code != 422 || got != "typed" || !strings.Contains(p.text(".summary"), "Choose a template") {
			t.Errorf("none chosen: %d %q", p.code, got)
		}
		if p, got := insert("dana", "/mail/new", [2]string{"body", strings.Repeat("x", 99_990)}); p.code != 422 || len(got) < 99_990 {
			t.Errorf("too long: %d %d", p.code, len(got))
		}
		sent := w.send("santos", "gus@example.org", "s", "b")
		if _, got := insert("gus", "/mail/t/"+sent.ThreadID+"/reply", [2]string{"body", "Hello"}); got != "Hello\n\nDear Miguel Santos,\nHarbor Point Dental, Gus Lind, "+date {
			t.Errorf("reply of a free member: %q", got)
		}
		path := "/mail/t/" + sent.ThreadID
		p := w.postFiles("gus", path+"/reply", [][2]string{{"id", db.NewID()}, {"version", "0"}, {"body", "Half"}, {"do", "templates"}})
		list := w.get("gus", strings.TrimSuffix(p.head.Get("Location"), "#reply"))
		if got := list.text("#reply [name=template] option"); got != "Choose a template Welcome" && got != "Choose a templateWelcome" || list.Find("#reply textarea").Text() != "Half" {
			t.Errorf("the list in the reply box: %d %q", p.code, got)
		}
		sent = w.send("dana", "ruth@example.org", "s", "b")
		if p := w.get("ruth", "/mail/t/"+sent.ThreadID); p.Find("[name=template]").Length() != 0 || p.Find("[data-templates]").Length() != 0 {
			t.Error("a patient is offered templates")
		}
		r := w.postJSON("dana", "/mail/templates/fill", `{"thread":"`+sent.ThreadID+`"}`)
		var filled []struct{ ID, Title, Text string }
		must(t, json.Unmarshal([]byte(r.raw), &filled))
		if len(filled) != 1 || filled[0].ID != id || !strings.HasPrefix(filled[0].Text, "Dear Ruth Okafor,") {
			t.Errorf("fill: %s", r.raw)
		}
		if r := w.postJSON("mel", "/mail/templates/fill", `{"thread":"`+sent.ThreadID+`"}`); r.code != 404 || strings.Contains(r.raw, "Ruth") {
			t.Errorf("a stranger to the thread fills: %d %s", r.code, r.raw)
		}
	})
}
