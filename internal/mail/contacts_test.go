package mail_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/mail"
)

// contactOf is the id of somebody's contact, by the address on their page.
func (w *world) contactOf(as, email string) string {
	w.t.Helper()
	var id string
	w.get(as, "/mail/contacts?hidden=yes").Find(".conv").Each(func(_ int, s *selection) {
		if strings.TrimSpace(s.Find(".snip").Text()) == email {
			id = strings.TrimPrefix(s.Find("form").AttrOr("action", ""), "/mail/contacts/")
		}
	})
	return id
}

func (w *world) names(as, path string) string {
	w.t.Helper()
	var list []string
	w.get(as, path).Find(".conv .nm").Each(func(_ int, s *selection) { list = append(list, s.Text()) })
	return strings.Join(list, ", ")
}

// importFile sends a file to the preview.
func (w *world) importFile(as, text string) page {
	w.t.Helper()
	return w.postFiles(as, "/mail/contacts/import", nil, upload{"contacts.csv", []byte(text)})
}

// confirm adds what a preview shows.
func (w *world) confirm(as string, preview page) page {
	w.t.Helper()
	return w.post(as, "/mail/contacts/import/confirm", url.Values{"id": {preview.Find("[name=id]").AttrOr("value", "")}})
}

// TestContactBook: the name one sees, favourites first, hidden ones not offered; to oneself alone.
func TestContactBook(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, to := range []string{"santos@example.org", "fred@example.org", "ruth@example.org"} {
			w.send("dana", to, "s", "b")
		}
		w.send("mel", "santos@example.org", "s", "b")
		if got := w.names("dana", "/mail/contacts"); got != "Fred Free, Miguel Santos, Ruth Okafor" {
			t.Fatalf("contacts: %s", got)
		}
		ruth, santos := w.contactOf("dana", "ruth@example.org"), w.contactOf("dana", "santos@example.org")
		save := func(id string, v url.Values) page { return w.post("dana", "/mail/contacts/"+id, v) }
		if p := save(ruth, url.Values{"name": {"Ruth\r\n(crown)\u202e"}, "favorite": {"yes"}}); p.code != 303 {
			t.Fatalf("save: %d %q", p.code, p.text(".summary"))
		}
		if p := save(santos, url.Values{"name": {"Miguel Santos"}, "hidden": {"yes"}}); p.code != 303 {
			t.Fatalf("hide: %d", p.code)
		}
		if got := w.names("dana", "/mail/contacts"); got != "Ruth (crown), Fred Free" {
			t.Errorf("contacts: %s", got)
		}
		if got := w.names("dana", "/mail/contacts?hidden=yes"); got != "Ruth (crown), Fred Free, Miguel Santos" {
			t.Errorf("with hidden: %s", got)
		}
		if got := w.names("mel", "/mail/contacts"); got != "Miguel Santos" {
			t.Errorf("another's: %s", got)
		}
		w.send("dana", "ruth (CROWN)", "by the own name", "b")
		if _, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: db.NewID(), To: "Miguel Santos", Subject: "s", Body: "b"}); !fault.Is(err, fault.Invalid) {
			t.Errorf("a hidden one is found by name: %v", err)
		}
		w.send("dana", "santos@example.org", "s", "b")
		if got := w.names("dana", "/mail/contacts"); got != "Ruth (crown), Fred Free" {
			t.Errorf("writing shows a hidden one: %s", got)
		}
		for _, name := range []string{"", " \u200b", strings.Repeat("é", 101)} {
			if p := save(ruth, url.Values{"name": {name}}); p.code != 422 || p.Find("[name=name]").AttrOr("value", "") != name {
				t.Errorf("name %.10q: %d", name, p.code)
			}
		}
		if p := w.post("dana", "/mail/contacts/"+ruth+"/delete", nil); p.code != 409 {
			t.Errorf("delete of one written to: %d", p.code)
		}
		w.want(3, "SELECT COUNT(*) FROM mail_contact WHERE user_id = 'u-dana'")
		if p := w.get("ruth", "/mail/contacts"); p.code != 403 || strings.Contains(p.raw, "Whitfield") {
			t.Errorf("a patient's contacts: %d", p.code)
		}
	})
}

// TestImport previews, adds once, and says why rows are left out, from files as spreadsheets write them.
func TestImport(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.send("dana", "ruth@example.org", "s", "b")
		file := "\uFEFFName;E-Mail Address;Note\r\n\"Lee; \"\"Bo\"\"\";bo@example.org;x\r\nJos\xe9 G\xf3mez;jose@example.org\r\nRuth;RUTH@example.org\r\nTwice;Bo@example.org\r\nMe;dana@example.org\r\nNobody;\r\nBad;not an address\r\n" +
			strings.Repeat("x", 101) + ";long@example.org\r\n;noname@example.org\r\n"
		p := w.importFile("dana", file)
		text := p.text("main")
		if p.code != 200 || !strings.Contains(text, "3 contacts would be added, 6 rows are skipped.") || !strings.Contains(text, "José Gómez") || !strings.Contains(text, `Lee; "Bo"`) {
			t.Fatalf("%d %q", p.code, text)
		}
		for _, why := range []string{"4RUTH@example.orgIt is among your contacts already", "5Bo@example.orgIt stands in this file twice", "6dana@example.orgThis is your own address", "7It has no email address", "8not an addressThis is not a valid email address", "9long@example.orgIts name is longer than 100 characters"} {
			if !strings.Contains(strings.ReplaceAll(text, "\n", ""), why) {
				t.Errorf("no %q in %q", why, text)
			}
		}
		w.want(1, "SELECT COUNT(*) FROM mail_contact")
		if q := w.confirm("mel", p); q.code != 409 {
			t.Errorf("another confirms: %d", q.code)
		}
		if q := w.confirm("dana", p); q.code != 303 {
			t.Fatalf("confirm: %d", q.code)
		}
		if q := w.confirm("dana", p); q.code != 409 {
			t.Errorf("confirmed twice: %d", q.code)
		}
		if got := w.names("dana", "/mail/contacts"); got != `José Gómez, Lee; "Bo", noname@example.org, Ruth Okafor` {
			t.Errorf("contacts: %s", got)
		}
		w.want(1, "SELECT COUNT(*) FROM audit_event WHERE action = 'contacts.imported' AND detail LIKE '%3%'")
		w.want(0, "SELECT COUNT(*) FROM mail_contact_import")
		id := w.contactOf("dana", "jose@example.org")
		if got := w.get("dana", "/mail/new?contact="+id).Find("[name=to]").AttrOr("value", ""); got != "jose@example.org" {
			t.Errorf("to %q", got)
		}
		if q := w.post("dana", "/mail/contacts/"+id+"/delete", nil); q.code != 303 {
			t.Errorf("delete: %d", q.code)
		}
		w.want(3, "SELECT COUNT(*) FROM mail_contact WHERE user_id = 'u-dana'")
		if q := w.importFile("ruth", file); q.code != 403 {
			t.Errorf("a patient imports: %d", q.code)
		}
	})
}

// TestImportSaysNothingOfAccounts: an address with an account here is shown like one without, before and after, until its
// person was written to; then the two are one contact under the name that was imported.
func TestImportSaysNothingOfAccounts(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := w.importFile("dana", "first name,last name,email\nX,One,santos@example.org\nX,Two,nora@example.org\n")
		if q := w.confirm("dana", p); q.code != 303 {
			t.Fatalf("confirm: %d", q.code)
		}
		list := w.get("dana", "/mail/contacts")
		rows := list.Find(".conv")
		strip := func(i int) string {
			s := rows.Eq(i).Text()
			for _, own := range []string{"X One", "X Two", "santos", "nora", "XO", "XT"} {
				s = strings.ReplaceAll(s, own, "")
			}
			return strings.Join(strings.Fields(s), " ")
		}
		if rows.Length() != 2 || strip(0) != strip(1) || strings.Contains(list.raw, "Eastlake") || strings.Contains(list.raw, "u-santos") {
			t.Errorf("%d rows: %q and %q", rows.Length(), strip(0), strip(1))
		}
		w.want(2, "SELECT COUNT(*) FROM mail_contact WHERE contact_user_id IS NULL")
		w.send("dana", "X One", "s", "b")
		w.want(1, "SELECT COUNT(*) FROM mail_contact WHERE contact_user_id = 'u-santos'")
		w.want(2, "SELECT COUNT(*) FROM mail_contact")
		if got := w.get("dana", "/mail/contacts").text(".conv"); !strings.Contains(got, "X One") || !strings.Contains(got, "Eastlake Oral Surgery") {
			t.Errorf("written to: %q", got)
		}
		_, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: db.NewID(), To: "nora@example.org", Subject: "s", Body: "b", New: newPatient()})
		must(t, err)
		w.want(1, "SELECT COUNT(*) FROM mail_contact WHERE contact_user_id IS NULL")
		w.accept("nora", w.invitation("nora@example.org"), account.NewUser{ID: "u-nora", First: "Nora", Last: "Body", Role: actor.Patient})
		w.want(1, "SELECT COUNT(*) FROM mail_contact WHERE contact_user_id = 'u-nora'")
		if got := w.names("dana", "/mail/contacts"); got != "X One, X Two" {
			t.Errorf("registered: %s", got)
		}
	})
}

// TestImportRefuses says what is wrong with a file.
func TestImportRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		many := func(n int) string {
			var b strings.Builder
			for i := range n {
				fmt.Fprintf(&b, "n%d,n%d@example.org\n", i, i)
			}
			return b.String()
		}
		for name, tc := range map[string]struct{ file, want string }{
			"empty":        {"", "The file holds no contacts"},
			"names alone":  {"name,email\n", "The file holds no contacts"},
			"no addresses": {"a,b\nc,d\n", "No column with email addresses was found."},
			"no text":      {"name,email\n\x00\x01,a@example.org\n", "The file could not be read."},
			"too many":     {many(5001), "The file has more than 5,000 rows."},
			"too large":    {"name,email\n" + strings.Repeat("x", 1<<20), "The file is larger than 1 MB."},
		} {
			p := w.importFile("dana", tc.file)
			if p.code != 422 || !strings.Contains(p.text("form.compose .err"), tc.want) {
				t.Errorf("%s: %d %q", name, p.code, p.text(".summary"))
			}
		}
		if p := w.postFiles("dana", "/mail/contacts/import", nil); p.code != 422 || !strings.Contains(p.text("main"), "Choose a file") {
			t.Errorf("no file: %d", p.code)
		}
		p := w.importFile("dana", many(5000))
		if !strings.Contains(p.text("main"), "5000 contacts would be added, 0 rows are skipped.") || p.Find("tbody tr").Length() != 100 {
			t.Errorf("many: %d %.200q", p.code, p.text("main"))
		}
		if q := w.confirm("dana", p); q.code != 303 {
			t.Fatalf("confirm: %d", q.code)
		}
		first := w.get("dana", "/mail/contacts")
		more, _ := first.Find("a:contains('Show more')").Attr("href")
		if n := first.Find(".conv").Length(); n != 200 || w.get("dana", more).Find(".conv").First().Text() == first.Find(".conv").First().Text() {
			t.Errorf("%d contacts, more at %q", n, more)
		}
		w.want(5000, "SELECT COUNT(*) FROM mail_contact")
	})
}

// TestExport gives a file that a spreadsheet shows without computing anything in it, and that can be imported again.
func TestExport(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const evil = `=HYPERLINK("http://x.example","<b>")`
		w.send("dana", "santos@example.org", "s", "b")
		p := w.importFile("dana", "Name,Email\n\"=HYPERLINK(\"\"http://x.example\"\",\"\"<b>\"\")\",+1@example.org\n@sum,at@example.org\n<script>alert(1)</script>,s@example.org\n")
		harmless(t, "preview", p)
		if q := w.confirm("dana", p); q.code != 303 {
			t.Fatalf("confirm: %d", q.code)
		}
		harmless(t, "contacts", w.get("dana", "/mail/contacts"))
		file := w.post("dana", "/mail/contacts/export", nil)
		if file.code != 200 || file.head.Get("Content-Type") != "text/csv; charset=utf-8" || !strings.HasPrefix(file.head.Get("Content-Disposition"), "attachment") {
			t.Fatalf("%d %v", file.code, file.head)
		}
		want := "\uFEFFName,Email,Organization,Favorite,Hidden\r\n" +
			"<script>alert(1)</script>,s@example.org,,,\r\n" + `"'=HYPERLINK(""http://x.example"",""<b>"")",'+1@example.org,,,` + "\r\n" +
			"'@sum,at@example.org,,,\r\nMiguel Santos,santos@example.org,Eastlake Oral Surgery,,\r\n"
		if file.raw != want {
			t.Errorf("file:\n%q\nwant\n%q", file.raw, want)
		}
		w.want(1, "SELECT COUNT(*) FROM audit_event WHERE action = 'contacts.exported'")
		if got := w.importFile("mel", file.raw); !strings.Contains(got.text("main"), "4 contacts would be added") || !strings.Contains(got.text("tbody"), evil) || strings.Contains(got.text("tbody"), "'+1@") {
			t.Errorf("imported again: %q", got.text("main"))
		}
		if got := w.post("mel", "/mail/contacts/export", nil); strings.Contains(got.raw, "@") {
			t.Errorf("another's file: %q", got.raw)
		}
		if got := w.post("gus", "/mail/contacts/export", nil); got.code != 403 {
			t.Errorf("a free user exports: %d", got.code)
		}
	})
}
