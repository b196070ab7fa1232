package ui_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/a-h/templ"

	"securepractice/internal/fault"
	"securepractice/internal/ui"
	"securepractice/internal/ui/uitest"
)

func render(t *testing.T, s ui.Shell, c templ.Component) *goquery.Document {
	t.Helper()
	var b strings.Builder
	if err := c.Render(ui.WithShell(context.Background(), s), &b); err != nil {
		t.Fatal(err)
	}
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func attr(s *goquery.Selection, name string) string {
	v, _ := s.Attr(name)
	return v
}

// TestFieldsAreWired checks that label, hint and error of every kind of field lead to its control and back.
func TestFieldsAreWired(t *testing.T) {
	in := ui.Input{Name: "x", Label: "Phone", Hint: "At least one.", Error: "Enter a phone number", Required: true, Value: "v"}
	options := []ui.Option{{Value: "a", Label: "A"}, {Value: "v", Label: "V"}}
	for name, c := range map[string]templ.Component{
		"field": ui.Field(in), "area": ui.Area(in), "secret": ui.Secret(in), "new secret": ui.NewSecret(in), "select": ui.Select(in, "Choose", options),
		"check": ui.Check(in, true),
	} {
		doc := render(t, uitest.Door(), c)
		control := doc.Find("#x")
		if control.Length() != 1 || attr(control, "name") != "x" || doc.Find("label[for=x]").Length() != 1 {
			t.Errorf("%s: label and control do not meet", name)
		}
		if attr(control, "aria-invalid") != "true" || attr(control, "aria-required") != "true" || !strings.HasPrefix(attr(control, "aria-describedby"), "x-h x-e") {
			t.Errorf("%s: %v", name, control.Nodes)
		}
		if doc.Find("#x-h").Text() != "At least one." || !strings.Contains(doc.Find("#x-e").Text(), "Error: Enter a phone number") || doc.Find(".req").Text() != " *" {
			t.Errorf("%s: sentences are missing", name)
		}
	}
	for name, c := range map[string]templ.Component{"radios": ui.Radios(in, options), "checks": ui.Checks(in, options, []string{"v"})} {
		doc := render(t, uitest.Door(), c)
		if doc.Find("fieldset > legend").Length() != 1 || attr(doc.Find("fieldset"), "aria-describedby") != "x-h x-e" || attr(doc.Find("#x"), "value") != "a" || attr(doc.Find("[checked]"), "value") != "v" || doc.Find("[checked]").Length() != 1 {
			t.Errorf("%s is not wired", name)
		}
	}
}

func TestPasswordsAreNeverSentBack(t *testing.T) {
	in := ui.Input{Name: "p", Label: "Your Password", Value: "hunter2"}
	for _, c := range []templ.Component{ui.Secret(in), ui.NewSecret(in)} {
		html, err := render(t, uitest.Door(), c).Html()
		if err != nil || strings.Contains(html, "hunter2") {
			t.Error("a password came back with the page")
		}
	}
	if got := attr(render(t, uitest.Door(), ui.Secret(in)).Find("input"), "autocomplete"); got != "current-password" {
		t.Error(got)
	}
	if got := attr(render(t, uitest.Door(), ui.NewSecret(in)).Find("input"), "autocomplete"); got != "new-password" {
		t.Error(got)
	}
}

func TestCodeField(t *testing.T) {
	i := render(t, uitest.Door(), ui.Field(ui.Input{Name: "code", Label: "Secret code", Code: true})).Find("input")
	for name, want := range map[string]string{"type": "text", "inputmode": "numeric", "autocomplete": "one-time-code", "spellcheck": "false", "class": "code"} {
		if attr(i, name) != want {
			t.Errorf("%s = %q", name, attr(i, name))
		}
	}
}

func TestSummary(t *testing.T) {
	two := &fault.Fault{Kind: fault.Invalid, Fields: []fault.FieldError{{Field: "a", Text: "Enter a"}, {Field: "b", Text: "Enter b"}}}
	doc := render(t, uitest.Door(), ui.Summary(two))
	if doc.Find("[role=alert][tabindex='-1'] li").Length() != 2 || attr(doc.Find("a").First(), "href") != "#a" {
		t.Error("the summary does not lead to the fields")
	}
	if got := render(t, uitest.Door(), ui.Summary(fault.New(fault.Invalid, "Not right."))).Find("[role=alert] p").Text(); got != "Not right." {
		t.Errorf("sentence: %q", got)
	}
	for _, none := range []*fault.Fault{nil, {}} {
		if render(t, uitest.Door(), ui.Summary(none)).Find("[role=alert]").Length() != 0 {
			t.Error("a summary of nothing")
		}
	}
	if got := render(t, uitest.Door(), ui.Door(ui.Head{Title: "Sign in", Fault: two})).Find("title").Text(); got != "Error: Sign in | SecurePractice" {
		t.Errorf("title %q", got)
	}
}

// TestWhosePageItIs follows the rule: signed out the product, a link's pages the sender's practice, signed in one's own.
func TestWhosePageItIs(t *testing.T) {
	patient := uitest.Desk()
	patient.Practice, patient.PracticePhone = "", ""
	for name, c := range map[string]struct {
		shell       ui.Shell
		page        templ.Component
		plate, foot string
	}{
		"signed out": {uitest.Door(), ui.Door(ui.Head{Title: "T"}), "SecurePractice", "SecurePractice Support, (800) 555-0100"},
		"link":       {uitest.Door(), ui.Door(ui.Head{Title: "T", Practice: "Eastlake", Phone: "(206) 555-0177"}), "Eastlake", "Eastlake, (206) 555-0177"},
		"member":     {uitest.Desk(), ui.Desk(ui.Head{Title: "T"}), "Harbor Point Dental", "Harbor Point Dental, (206) 555-0142"},
		"patient":    {patient, ui.Desk(ui.Head{Title: "T"}), "SecurePractice", "SecurePractice Support, (800) 555-0100"},
		"support":    {uitest.Console(), ui.Desk(ui.Head{Title: "T"}), "SecurePractice Support", "SecurePractice Support, (800) 555-0100"},
	} {
		doc := render(t, c.shell, c.page)
		if plate, foot := doc.Find(".plate span").Text(), doc.Find(".site-foot > span").Text(); plate != c.plate || foot != c.foot {
			t.Errorf("%s: %q, %q", name, plate, foot)
		}
		if got := doc.Find(".site-foot a").Map(func(_ int, s *goquery.Selection) string { return s.Text() }); strings.Join(got, ", ") != "Get help, Privacy, Terms of Use" {
			t.Errorf("%s: footer links %v", name, got)
		}
	}
}

func TestDesk(t *testing.T) {
	s := uitest.Desk()
	s.Events, s.Poll = "/mail/events", "/mail/news"
	doc := render(t, s, ui.Desk(ui.Head{Title: "Inbox", Current: "mail", View: "list"}))
	if doc.Find("main.mail").Length() != 1 || doc.Find("footer").Length() != 0 || attr(doc.Find("body"), "data-view") != "list" || attr(doc.Find("body"), "data-events") != "/mail/events" {
		t.Error("the mail frame is not right")
	}
	if doc.Find(".bar > nav [aria-current]").Text() != "SecureMail3" || doc.Find(".bar [data-unread]").First().Text() != "3" {
		t.Error("the current product or its count is not marked")
	}
	if f := doc.Find(".who form"); attr(f, "method") != "post" || attr(f, "action") != "/signout" || strings.TrimSpace(f.Text()) != "Sign Out" {
		t.Error("Sign Out is no POST form")
	}
	d := doc.Find("dialog#session")
	if attr(d, "data-idle") != "1800" || attr(d, "data-warn") != "1500" || attr(d, "data-keep") != "/session/keep" || attr(d, "data-out") != "/signin?out=timeout" || d.Find(".clock").Text() != "5:00" {
		t.Error("the session dialog is not wired")
	}
	if out := render(t, uitest.Door(), ui.Door(ui.Head{Title: "T"})); out.Find("dialog, .who, .tabs").Length() != 0 {
		t.Error("a signed-out page shows what belongs to a session")
	}
	if got := attr(render(t, uitest.Console(), ui.Desk(ui.Head{Title: "T"})).Find("dialog"), "data-out"); got != "/support/signin?out=timeout" {
		t.Errorf("Support's dialog leads to %q", got)
	}
}

func TestFolderSteps(t *testing.T) {
	doc := render(t, uitest.Door(), ui.Folder(ui.Head{Steps: []string{"One", "Two", "Three"}, Step: 2}))
	if doc.Find(".steps li").Length() != 3 || doc.Find(".steps [aria-current=step] .t").Text() != "Two" || !strings.HasPrefix(strings.TrimSpace(doc.Find(".steps li").First().Text()), "Done:") {
		t.Error("steps are not told")
	}
	if doc := render(t, uitest.Door(), ui.Folder(ui.Head{})); doc.Find(".steps").Length() != 0 || doc.Find(".cols.plain").Length() != 1 {
		t.Error("a plain folder wears tabs")
	}
}

func TestFiles(t *testing.T) {
	doc := render(t, uitest.Desk(), ui.Files("Attachments", []ui.FileRow{
		{Name: "a.pdf", Kind: "PDF", Size: "212 KB", State: "Scanned, no threats found", Good: true, Href: "/mail/attachments/1"},
		{Name: "b.zip", Size: "1 KB", State: "Blocked", Bad: true, RemoveName: "remove", RemoveValue: "l2"},
	}))
	if a := doc.Find("a"); attr(a, "aria-label") != "Download a.pdf" || attr(a, "href") != "/mail/attachments/1" {
		t.Error("no download")
	}
	if b := doc.Find("button"); attr(b, "aria-label") != "Remove b.zip" || attr(b, "name") != "remove" || attr(b, "value") != "l2" {
		t.Error("no removal")
	}
	if doc.Find(".good").Text() != "Scanned, no threats found" || doc.Find(".bad").Text() != "Blocked" || doc.Find(".fd > span").First().Text() != "PDF, 212 KB" {
		t.Error("state or size is not told in words")
	}
	if render(t, uitest.Desk(), ui.Files("Attachments", nil)).Find("ul").Length() != 0 {
		t.Error("an empty list was drawn")
	}
}

// hostile is text that would act if it were ever taken for markup.
const hostile = `"><script>alert(1)</script><img src=x onerror=alert(1)>'&<style>{}</style> javascript:alert(1)`

// TestHostileText puts the same text wherever a component takes text.
func TestHostileText(t *testing.T) {
	h := hostile
	in := ui.Input{Name: "n", Label: h, Hint: h, Value: h, Error: h, Autocomplete: h, Mode: h, Placeholder: h, Type: h, Optional: true}
	f := &fault.Fault{Kind: fault.Invalid, Text: h, Fields: []fault.FieldError{{Field: h, Text: h}}}
	opts := []ui.Option{{Value: h, Label: h}}
	s := uitest.Desk()
	s.Name, s.Practice, s.PracticePhone, s.Product, s.Flash, s.SupportPhone = h, h, h, h, h, h
	s.Tabs, s.Menu = []ui.Tab{{Key: "mail", Label: h, Icon: h, Href: h, Count: 1}}, []ui.Tab{{Label: h, Icon: h, Href: h}}
	s.Events, s.Poll = h, h
	head := ui.Head{Title: h, Fault: f, Current: h, Practice: h, Phone: h, Steps: []string{h, h}, Step: 2}
	mail := head
	mail.View = "list"
	for name, c := range map[string]templ.Component{
		"door": ui.Door(head), "desk": ui.Desk(head), "mail": ui.Desk(mail), "folder": ui.Folder(head), "summary": ui.Summary(f),
		"field": ui.Field(in), "area": ui.Area(in), "secret": ui.Secret(in), "newsecret": ui.NewSecret(in), "select": ui.Select(in, h, opts),
		"radios": ui.Radios(in, opts), "checks": ui.Checks(in, opts, []string{h}), "check": ui.Check(in, true), "submit": ui.Submit(h), "icon": ui.Icon(h),
		"note": ui.Note(h, h), "warn": ui.Warn(h), "person": ui.PersonTab(h, h), "you": ui.YouTab(h), "empty": ui.Empty(h, h), "text": ui.Text(h), "document": ui.Document("# " + h + "\n\n" + h + "\n\n- " + h),
		"files":       ui.Files(h, []ui.FileRow{{Name: h, Kind: h, Size: h, State: h, Icon: h, Href: h, RemoveName: h, RemoveValue: h}}),
		"attachments": ui.Attachments(ui.Attach{Rows: []ui.FileRow{{Name: h, State: h, Bad: true}}, Types: []string{h}, Error: h, Limit: 1}),
		"state":       ui.SaveState(h), "news": ui.NewsBar(h, h),
	} {
		doc := render(t, s, c)
		doc.Find("*").Each(func(_ int, e *goquery.Selection) {
			node := e.Get(0)
			if node.Data == "style" || node.Data == "img" && attr(e, "src") == "x" || node.Data == "script" && attr(e, "src") != s.Assets.JS && attr(e, "src") != s.Assets.HTMX {
				t.Errorf("%s: made a <%s>", name, node.Data)
			}
			for _, a := range node.Attr {
				if strings.HasPrefix(a.Key, "on") || a.Key == "style" || (a.Key == "href" || a.Key == "action" || a.Key == "src") && strings.HasPrefix(strings.TrimSpace(strings.ToLower(a.Val)), "javascript:") {
					t.Errorf("%s: <%s> got %s=%q", name, node.Data, a.Key, a.Val)
				}
			}
		})
	}
	bad := render(t, s, ui.Files("x", []ui.FileRow{{Name: "a", Href: "javascript:alert(1)"}})).Find("a")
	if strings.HasPrefix(attr(bad, "href"), "javascript:") {
		t.Error("a link runs a script")
	}
}

func TestText(t *testing.T) {
	link := func(u string) string {
		return `<a href="` + u + `" rel="noopener noreferrer nofollow" target="_blank">` + u + `</a>`
	}
	for in, want := range map[string]string{
		"":                             "",
		"  \n\n ":                      "",
		"one\ntwo":                     "<p>one<br>two</p>",
		"one\r\n\r\n\r\n\r\ntwo":       "<p>one</p><p>two</p>",
		"a < b & c":                    "<p>a &lt; b &amp; c</p>",
		"see https://a.example/x?y=1.": "<p>see " + link("https://a.example/x?y=1") + ".</p>",
		"(http://a.example)":           "<p>(" + link("http://a.example") + ")</p>",
		"javascript:alert(1) ftp://x":  "<p>javascript:alert(1) ftp://x</p>",
		`https://a.example/"onclick=x`: "<p>" + link("https://a.example/") + "&#34;onclick=x</p>",
	} {
		var b strings.Builder
		if err := ui.Text(in).Render(context.Background(), &b); err != nil {
			t.Fatal(err)
		}
		if b.String() != want {
			t.Errorf("%q\n got %s\nwant %s", in, b.String(), want)
		}
	}
}

// FuzzText looks for text that leaves its paragraph.
func FuzzText(f *testing.F) {
	f.Add(hostile)
	f.Add("https://a.example/<b>\n\nhttp://'x'")
	f.Fuzz(func(t *testing.T, s string) {
		var b strings.Builder
		if err := ui.Text(s).Render(context.Background(), &b); err != nil {
			t.Fatal(err)
		}
		doc, err := goquery.NewDocumentFromReader(strings.NewReader(b.String()))
		if err != nil {
			t.Fatal(err)
		}
		doc.Find("body *").Each(func(_ int, e *goquery.Selection) {
			switch n := e.Get(0); {
			case n.Data != "p" && n.Data != "br" && n.Data != "a":
				t.Errorf("%q made a <%s>", s, n.Data)
			case n.Data == "a" && (len(n.Attr) != 3 || !strings.HasPrefix(attr(e, "href"), "http")):
				t.Errorf("%q made %v", s, n.Attr)
			}
		})
	})
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 KB", 1: "1 KB", 212_000: "212 KB", 999_499: "999 KB", 999_500: "1 MB", 1_000_000: "1 MB", 3_100_000: "3.1 MB", 148_000_000: "148 MB",
		254_700_000: "254.7 MB", 300_000_000: "300 MB", 999_949_999: "999.9 MB", 999_950_000: "1 GB", 1_500_000_000: "1.5 GB",
	} {
		if got := ui.Bytes(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

func TestTimes(t *testing.T) {
	zone := uitest.Door().Zone
	now := uitest.Now()
	at := func(s string) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04", s, zone)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for in, want := range map[string]string{
		"2026-11-23 14:36": "2:36 PM", "2026-11-23 00:00": "12:00 AM", "2026-11-22 23:59": "Yesterday", "2026-11-20 15:05": "Fri", "2026-11-17 12:00": "Tue",
		"2026-11-16 12:00": "Nov 16", "2026-01-02 12:00": "Jan 2", "2025-12-31 12:00": "Dec 31, 2025", "2026-11-24 01:00": "Nov 24",
	} {
		if got := ui.ShortTime(at(in), now, zone); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
	if got := ui.LongTime(time.Date(2026, 11, 19, 17, 4, 0, 0, time.UTC), zone); got != "Nov 19, 2026 at 9:04 AM PST" {
		t.Error(got)
	}
	springForward := at("2026-03-09 00:30") // the day before had 23 hours
	if got := ui.ShortTime(at("2026-03-08 00:10"), springForward, zone); got != "Yesterday" {
		t.Error(got)
	}
	doc := render(t, uitest.Door(), ui.When(now.Add(-24*time.Hour)))
	if e := doc.Find("time"); e.Text() != "Yesterday" || attr(e, "title") != "Nov 22, 2026 at 2:40 PM PST" || attr(e, "datetime") != "2026-11-22T22:40:00Z" {
		t.Error("a time does not carry its long form")
	}
}

func TestPersonTabs(t *testing.T) {
	tab := func(c templ.Component) *goquery.Selection { return render(t, uitest.Desk(), c).Find(".tab") }
	for name, want := range map[string]string{"Dr. Miguel Santos": "MS", "Ruth Okafor": "RO", "Cher": "C", "": "?", "ana maría ñ": "AÑ", "  ": "?", "(x) y": "Y"} {
		if got := tab(ui.PersonTab("u1", name)).Text(); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	seen := map[string]bool{}
	for i := range 200 {
		c := attr(tab(ui.PersonTab(string(rune('a'+i)), "A B")), "data-c")
		if c < "1" || c > "8" || len(c) != 1 {
			t.Fatalf("colour %q", c)
		}
		seen[c] = true
	}
	if len(seen) != 8 || attr(tab(ui.PersonTab("u1", "A")), "data-c") != attr(tab(ui.PersonTab("u1", "B")), "data-c") || attr(tab(ui.YouTab("A")), "data-c") != "0" {
		t.Error("colours do not follow the person")
	}
}

func TestDocument(t *testing.T) {
	doc := render(t, uitest.Door(), ui.Document("# One\n\nA line\r\nand more.\n\n\n\n- first\n- second,\n  longer\n\n## Two"))
	if doc.Find("h2").Text() != "One" || doc.Find("h3").Text() != "Two" || doc.Find("p").Text() != "A line and more." || doc.Find("li").Last().Text() != "second, longer" || doc.Find("li").Length() != 2 {
		html, _ := doc.Html()
		t.Error(html)
	}
	if got := render(t, uitest.Door(), ui.Document("")).Find("body").Text(); got != "" {
		t.Errorf("%q", got)
	}
}
