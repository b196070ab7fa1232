package mail_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"securepractice/internal/db"
)

// label makes a label through its page and tells its id.
func (w *world) label(who, name, colour string) string {
	w.t.Helper()
	if p := w.post(who, "/mail/labels", url.Values{"name": {name}, "colour": {colour}}); p.code != 303 {
		w.t.Fatalf("make a label: %d %s", p.code, p.text("[data-summary]"))
	}
	for _, a := range w.get(who, "/mail/labels").Find(".label-list li > a:first-child").EachIter() {
		if strings.TrimSpace(a.Find("span:not(.vh):not(.swatch)").Text()) == strings.Join(strings.Fields(name), " ") {
			href, _ := a.Attr("href")
			return strings.TrimPrefix(href, "/mail/l/")
		}
	}
	w.t.Fatalf("label %q is not listed", name)
	return ""
}

// TestLabels makes, shows, renames and deletes labels; nobody else sees them.
func TestLabels(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sent := w.send("dana", "santos@example.org", "Subject", "one")
		w.reply("santos", sent.ThreadID, "two")
		id := w.label("dana", "Crown cases", "3")
		second := w.label("dana", "attic", "8")
		if got := w.get("dana", "/mail/inbox").text(".labels"); got != "atticCrown casesEdit labels" {
			t.Errorf("labels = %q", got)
		}
		sealed, _, err := db.One(t.Context(), w.d, db.Scan1[[]byte], "SELECT name_sealed FROM mail_label_name WHERE id = $1", id)
		if err != nil || strings.Contains(string(sealed), "Crown") {
			t.Errorf("not sealed: %v", err)
		}
		path := "/mail/t/" + sent.ThreadID
		if p := w.post("dana", path+"/label", url.Values{"put": {id}, "in": {"inbox"}}); p.code != 303 || p.head.Get("Location") != path+"?in=inbox" {
			t.Fatalf("put on: %d", p.code)
		}
		w.post("dana", path+"/label", url.Values{"put": {id}})
		if p := w.get("dana", path); p.text(".worn") != "Crown cases" || p.Find(".label-menu [name=take]").Length() != 1 || p.Find(".label-menu [name=put]").Length() != 1 {
			t.Errorf("worn = %q", p.text(".worn"))
		}
		p := w.get("dana", "/mail/l/"+id)
		if p.text("#list-h") != "Crown cases" || p.Find(".conv").Length() != 1 || p.text(".labels [aria-current]") != "Crown cases" {
			t.Errorf("page = %q", p.text(".pane.list"))
		}
		href, _ := p.Find(".conv a").Attr("href")
		if p := w.get("dana", href); p.text(".back") != "Crown cases" || p.text("#list-h") != "Crown cases" {
			t.Errorf("%s leads back to %q", href, p.text(".back"))
		}
		for _, who := range []string{"santos", "mel"} {
			for _, page := range []string{"/mail/inbox", "/mail/labels", path} {
				if got := w.get(who, page); strings.Contains(got.raw, "Crown") || strings.Contains(got.raw, id) {
					t.Errorf("%s sees the label on %s", who, page)
				}
			}
		}
		if p := w.post("santos", path+"/label", url.Values{"put": {id}}); p.code != 404 {
			t.Errorf("another's label: %d", p.code)
		}
		if p := w.post("mel", path+"/label", url.Values{"put": {w.label("mel", "mine", "1")}}); p.code != 404 {
			t.Errorf("another's conversation: %d", p.code)
		}
		w.want(1, "SELECT COUNT(*) FROM mail_label")
		w.post("dana", path+"/trash", nil)
		if got := w.get("dana", "/mail/l/"+id).text(".pane.list .empty"); got != "No conversation has this label." {
			t.Errorf("what is in Trash is listed: %q", got)
		}
		w.post("dana", path+"/restore", nil)
		if n := w.get("dana", "/mail/l/"+id).Find(".conv").Length(); n != 1 {
			t.Error("the label was lost in Trash")
		}
		if p := w.post("dana", "/mail/l/"+id+"/edit", url.Values{"name": {"Bridges"}, "colour": {"2"}}); p.code != 303 {
			t.Errorf("rename: %d", p.code)
		}
		if got := w.get("dana", path).text(".worn"); got != "Bridges" {
			t.Errorf("renamed = %q", got)
		}
		w.post("dana", path+"/label", url.Values{"take": {id}})
		w.want(0, "SELECT COUNT(*) FROM mail_label")
		w.post("dana", "/mail/threads", url.Values{"do": {"label"}, "label": {second}, "in": {"inbox"}, "thread": {sent.ThreadID, db.NewID()}})
		w.want(1, "SELECT COUNT(*) FROM mail_label WHERE label = $1", second)
		if got := w.get("dana", "/mail/l/"+second+"/delete").text("main"); !strings.Contains(got, "Delete this label?") {
			t.Errorf("asks %q", got)
		}
		if p := w.post("dana", "/mail/l/"+second+"/delete", nil); p.code != 303 {
			t.Errorf("delete: %d", p.code)
		}
		w.want(0, "SELECT COUNT(*) FROM mail_label")
		if w.get("dana", "/mail/l/"+second).code != 404 || w.in("dana", "inbox") != 1 {
			t.Error("deleting a label left it, or took a conversation")
		}
	})
}

// TestLabelRules: what cannot be a label is refused, with what was typed.
func TestLabelRules(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := w.label("ruth", "Café  notes", "1")
		for _, bad := range []struct{ name, colour, words string }{
			{" \t", "1", "Enter a name"}, {strings.Repeat("é", 41), "1", "Name must be 40 characters or fewer"}, {"x", "9", "Choose a color"}, {"x", "", "Choose a color"},
			{"cafe\u0301 NOTES", "2", "You have a label of this name already"},
		} {
			p := w.post("ruth", "/mail/labels", url.Values{"name": {bad.name}, "colour": {bad.colour}})
			if typed, _ := p.Find("[name=name]").Attr("value"); p.code != 422 || !strings.Contains(p.text("[data-summary]"), bad.words) || typed != bad.name {
				t.Errorf("%q: %d %q, typed %q", bad.name, p.code, p.text("[data-summary]"), typed)
			}
		}
		if p := w.post("ruth", "/mail/labels", url.Values{"name": {strings.Repeat("é", 40)}, "colour": {"1"}}); p.code != 303 {
			t.Errorf("40 characters: %d", p.code)
		}
		if p := w.post("ruth", "/mail/l/"+id+"/edit", url.Values{"name": {"CAFÉ notes"}, "colour": {"1"}}); p.code != 303 {
			t.Errorf("its own name written otherwise: %d", p.code)
		}
		if p := w.post("ruth", "/mail/l/"+id+"/edit", url.Values{"name": {strings.Repeat("É", 40)}, "colour": {"1"}}); p.code != 422 {
			t.Errorf("renamed to another's name: %d", p.code)
		}
		for i := range 48 {
			w.label("ruth", fmt.Sprint("n", i), "5")
		}
		if p := w.post("ruth", "/mail/labels", url.Values{"name": {"one more"}, "colour": {"5"}}); p.code != 422 || !strings.Contains(p.text("[data-summary]"), "You have 50 labels, the most there can be. Delete one first.") {
			t.Errorf("the 51st: %d", p.code)
		}
		w.post("ruth", "/mail/l/"+id+"/delete", nil)
		w.label("ruth", "one more", "5")
		w.want(50, "SELECT COUNT(*) FROM mail_label_name")
		w.label("theo", "Café notes", "1") // another's names are their own
	})
}

// TestLabelFollows: a label's page is in the order of the newest messages, and pages without losing or repeating a row.
func TestLabelFollows(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := w.label("santos", "All", "4")
		var ids []string
		for i := range 60 {
			if i%3 == 0 {
				w.clock.Advance(time.Second)
			}
			ids = append(ids, w.send("dana", "santos@example.org", fmt.Sprintf("n%03d", i), "b").ThreadID)
		}
		if p := w.post("santos", "/mail/threads", url.Values{"do": {"label"}, "label": {id}, "in": {"inbox"}, "thread": ids}); p.code != 303 {
			t.Fatalf("label: %d", p.code)
		}
		w.clock.Advance(time.Minute)
		w.reply("dana", ids[7], "again")
		p := w.get("santos", "/mail/l/"+id)
		if got := strings.Fields(p.text(".subj")); len(got) != 50 || got[0] != "n007" {
			t.Errorf("%d rows, first %v", len(got), got[:1])
		}
		older, _ := p.Find(".list-end a").Attr("href")
		rest := w.get("santos", older)
		seen := map[string]bool{}
		for _, s := range strings.Fields(p.text(".subj") + " " + rest.text(".subj")) {
			seen[s] = true
		}
		if len(seen) != 60 || rest.Find(".conv").Length() != 10 {
			t.Errorf("%d conversations, %d on the second page", len(seen), rest.Find(".conv").Length())
		}
		w.want(0, "SELECT COUNT(*) FROM mail_label l JOIN mail_member m ON m.user_id = l.user_id AND m.thread_id = l.thread_id WHERE m.last_at <> l.last_at")
		next, _ := w.get("santos", "/mail/t/"+ids[7]+"?in=l-"+id).Find(".acts [data-key=j]").Attr("href")
		if next != "/mail/t/"+w.text("SELECT thread_id FROM mail_label WHERE thread_id <> '"+ids[7]+"' ORDER BY last_at DESC, thread_id DESC LIMIT 1")+"?in=l-"+id {
			t.Errorf("next = %s", next)
		}
	})
}

// text reads one text from the database.
func (w *world) text(query string) string {
	w.t.Helper()
	s, _, err := db.One(w.t.Context(), w.d, db.Scan1[string], query)
	must(w.t, err)
	return s
}
