package verify_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
)

func TestOpeningALinkChangesNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		token := w.link()
		before := w.state()
		b := w.browser()
		for range 20 {
			for _, step := range []string{"/method", "/code"} {
				for _, method := range []string{http.MethodGet, http.MethodHead} {
					if p := b.do(method, "/t/"+token+step, nil); len(p.cookie) != 0 {
						t.Fatalf("%s sets %v", step, p.cookie)
					}
				}
			}
		}
		if after := w.state(); after != before {
			t.Errorf("before %s\nafter %s", before, after)
		}
	})
}

func TestMethodPage(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		at := "/t/" + w.link()
		b := w.browser()
		p := b.get(at + "/method")
		for _, want := range []string{"How should we send your secret code?", "Make a call to your practice phone ending 10", "Send a text to your mobile phone ending 42", "Have a pen and paper ready", "Wrong numbers? Contact Dana Whitfield."} {
			p.says(t, http.StatusOK, want)
		}
		if html, err := p.Html(); err != nil || contains(html, "5550142", "555-0142", "5550110") {
			t.Error("the page shows a whole number")
		}
		for _, hostile := range []string{"", "text_phone", "text_cell ", "<script>"} {
			b.post(at+"/method", url.Values{"method": {hostile}}).says(t, http.StatusUnprocessableEntity, "Choose how to get your code")
		}
		b.get(at+"/code").goesTo(t, at+"/method") // nothing was sent yet
		if w.number("SELECT COUNT(*) FROM verify_flow") != 0 {
			t.Error("a refused form began a flow")
		}
		b.get("/t/nonsense/method").says(t, http.StatusGone, "This link has expired or was already used")
		b.post("/t/nonsense/method", url.Values{"method": {"text_cell"}}).says(t, http.StatusGone, "This link has expired")
	})
}

func TestCodePage(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.start()
		at := "/t/" + w.link()
		b := w.browser()
		b.post(at+"/method", url.Values{"method": {"text_cell"}}).goesTo(t, at+"/code")
		p := b.get(at + "/code")
		for _, want := range []string{"Enter your secret code", "ending in 42", "Re-Send Code", "Change Delivery Method"} {
			p.says(t, http.StatusOK, want)
		}
		if v, _ := p.Find("input[name=code]").Attr("autocomplete"); v != "one-time-code" {
			t.Errorf("autocomplete %q", v)
		}
		code := w.outbox()[0].Code
		b.post(at+"/code", url.Values{"code": {""}}).says(t, http.StatusUnprocessableEntity, "Enter the secret code")
		b.post(at+"/code", url.Values{"code": {wrong(code)}}).says(t, http.StatusUnprocessableEntity, "That code is not right. You have 4 tries left.")
		w.browser().post(at+"/code", url.Values{"code": {code}}).goesTo(t, at+"/method") // another browser has sent no code
		w.clock.Advance(time.Second)
		b.post(at+"/resend", nil).goesTo(t, at+"/code")
		b.get(at+"/code").says(t, http.StatusOK, "We sent a new code. The old one no longer works.")
		newer := w.outbox()[0].Code
		b.post(at+"/code", url.Values{"code": {newer}}).goesTo(t, at+"/next")
		for _, step := range []string{"/method", "/code"} { // done in this browser
			b.get(at+step).goesTo(t, at+"/next")
		}
		b.post(at+"/method", url.Values{"method": {"text_cell"}}).goesTo(t, at+"/next")
		b.post(at+"/resend", nil).goesTo(t, at+"/next")
		if n := len(w.outbox()); n != 2 {
			t.Errorf("%d codes went out", n)
		}
	})
}

func TestTooManyTriesAndCodesOnThePage(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.start()
		at := "/t/" + w.link()
		b := w.browser()
		b.post(at+"/method", url.Values{"method": {"text_cell"}})
		code := w.outbox()[0].Code
		b.post(at+"/resend", nil).goesTo(t, at+"/code")
		b.post(at+"/resend", nil).goesTo(t, at+"/code")
		b.post(at+"/resend", nil).says(t, http.StatusUnprocessableEntity, tooManyCodes)
		b.post(at+"/method", url.Values{"method": {"call_cell"}}).says(t, http.StatusUnprocessableEntity, tooManyCodes)
		last := w.outbox()
		for i := range 4 {
			b.post(at+"/code", url.Values{"code": {absent(last[0].Code, code, i)}})
		}
		b.post(at+"/code", url.Values{"code": {absent(last[0].Code, code, 9)}}).says(t, http.StatusUnprocessableEntity, tooManyTries)
		b.post(at+"/code", url.Values{"code": {last[0].Code}}).goesTo(t, at+"/method") // from the start
	})
}

// Change Delivery Method is a link to the first step: it proves nothing, sends nothing and chooses nothing.
func TestChangeDeliveryMethod(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.start()
		at := "/t/" + w.link()
		b := w.browser()
		b.post(at+"/method", url.Values{"method": {"text_cell"}}).goesTo(t, at+"/code")
		p := b.get(at + "/code")
		if to, _ := p.Find("a:contains('Change Delivery Method')").Attr("href"); to != at+"/method" {
			t.Fatalf("it leads to %q", to)
		}
		p = b.get(at + "/method")
		p.says(t, http.StatusOK, "How should we send your secret code?")
		if n := p.Find("option[selected]").Length(); n != 0 {
			t.Errorf("%d methods are chosen beforehand", n)
		}
		if first := p.Find("select[name=method] option").First(); first.AttrOr("value", "-") != "" {
			t.Errorf("the first option is %q", first.Text())
		}
		b.post(at+"/method", url.Values{"method": {""}}).says(t, http.StatusUnprocessableEntity, "Choose how to get your code") // Continue pressed blindly
		if n := len(w.outbox()); n != 1 {
			t.Errorf("%d codes went out", n)
		}
	})
}

// absent is a code that is neither of two.
func absent(a, b string, n int) string {
	for {
		if c := fmt.Sprintf("%06d", n); c != a && c != b {
			return c
		}
		n += 10
	}
}

func contains(s string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(s, p) })
}
