package account_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/fault"
)

func TestSignIn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		p := b.get("/signin").says(http.StatusOK, "Sign in", "Your Email Address", "Your Password", "Forgot Password")
		if v, _ := p.Find("[name=email]").Attr("autocomplete"); v != "username" {
			t.Errorf("autocomplete of the address %q", v)
		}
		if v, _ := p.Find("[name=password]").Attr("autocomplete"); v != "current-password" {
			t.Errorf("autocomplete of the password %q", v)
		}
		p = b.signIn("", "").says(http.StatusUnprocessableEntity, "There is a problem")
		p.beside("email", "Enter your email address").beside("password", "Enter your password")
		b.signIn(" ANN.LEE@Harbor.Example ", password).goesTo("/") // in any case and with spaces
		b.get("/").says(http.StatusOK, "home of Ann.Lee@harbor.example")
		b.get("/signin").goesTo("/")
		if got := b.session(); len(got) < 43 || strings.Contains(w.log.String(), got) || strings.Contains(w.log.String(), password) {
			t.Error("a short token, or one that was logged")
		}
	})
}

func TestWhyOneIsAtTheDoor(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for query, want := range map[string]string{
			"?new=1": "Your password is set. Sign in with your email address.", "?out=1": "You are signed out.", "?next=/mail": "Sign in to continue.",
			"?out=timeout": "You were signed out after 30 minutes without activity. Your draft is saved.",
		} {
			w.browser().get("/signin"+query).says(http.StatusOK, want)
		}
		w.browser().get("/profile/account").goesTo("/signin?next=%2Fprofile%2Faccount")
	})
}

// TestRefusalsAreAlike: nobody learns from a refusal whether an address has an account, and in what state.
func TestRefusalsAreAlike(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for range 5 {
			w.browser().signIn("pat@people.example", "wrong")
		}
		if got := w.standing(w.pat); got != "locked" {
			t.Fatalf("state %s", got)
		}
		ask := func(email, pass string) page {
			p := w.browser().signIn(email, pass)
			p.raw = strings.ReplaceAll(p.raw, email, "ADDRESS")
			p.header.Del("Set-Cookie") // the browser's own secret, new each time
			p.header.Set("Content-Length", strconv.Itoa(len(p.raw)))
			return p
		}
		first := ask("nobody@else.example", password)
		first.says(http.StatusUnprocessableEntity, notRight, lockRule)
		for why, p := range map[string]page{
			"wrong": ask("ann.lee@harbor.example", "wrong"), "locked, wrong": ask("pat@people.example", "wrong"), "locked, right": ask("pat@people.example", password),
			"of Support": ask("sam@support.example", password), "no address": ask("nonsense", password), "hostile": ask("a=--@x.example", password),
		} {
			if p.status != first.status || p.raw != first.raw || fmt.Sprint(p.header) != fmt.Sprint(first.header) {
				t.Errorf("%s differs: %d\n%s\n%v\nfrom %v", why, p.status, p.raw, p.header, first.header)
			}
		}
		for _, known := range []string{"ann.lee@harbor.example", "pat@people.example", ""} {
			if slices.Contains(w.unknown, known) || !slices.Contains(w.unknown, "nobody@else.example") {
				t.Errorf("told of as unknown: %q", w.unknown)
			}
		}
	})
}

func TestFifthWrongTryLocks(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		open := w.browser()
		open.signIn(w.pat.Email, password).goesTo("/")
		b := w.browser()
		for i := range 5 {
			if got := w.standing(w.pat); got != "active" {
				t.Fatalf("%s after %d wrong tries", got, i)
			}
			b.signIn(w.pat.Email, "wrong").says(http.StatusUnprocessableEntity, notRight, lockRule)
		}
		if got := w.standing(w.pat); got != "locked" {
			t.Fatalf("%s after 5 wrong tries", got)
		}
		b.signIn(w.pat.Email, password).says(http.StatusUnprocessableEntity, notRight)
		if !open.signedIn() {
			t.Error("a session that was open ended")
		}
		m, n := w.mailed("Your account is locked")
		if n != 1 || m.To != w.pat.Email || len(m.Links) != 1 {
			t.Fatalf("%d notices %+v", n, m)
		}
		b.get(strings.TrimPrefix(m.Links[0], "https://portal.example")).goesTo(strings.TrimPrefix(m.Links[0], "https://portal.example") + "/password")
	})
}

func TestRightPasswordForgetsWrongTries(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		for range 3 {
			for range 4 {
				b.signIn(w.pat.Email, "wrong")
			}
			b.signIn(w.pat.Email, password).goesTo("/")
			b = w.browser()
		}
	})
}

func TestLockedNoticeOnceADay(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		for range 12 {
			b.signIn(w.pat.Email, "wrong")
		}
		if _, n := w.mailed("Your account is locked"); n != 1 {
			t.Errorf("%d notices on the first day", n)
		}
		w.clock.Advance(24 * time.Hour)
		b.signIn(w.pat.Email, "wrong")
		b.signIn(w.pat.Email, password)
		if _, n := w.mailed("Your account is locked"); n != 2 {
			t.Errorf("%d notices on the second", n)
		}
	})
}

func TestFiftyWrongAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				_, err := w.SignIn(t.Context(), actor.Actor{IP: "192.0.2.1"}, account.SignIn{Email: w.pat.Email, Password: "wrong", Browser: "b"})
				if !fault.Is(err, fault.Invalid) {
					t.Errorf("err %v", err)
				}
			})
		}
		wg.Wait()
		if n := w.number("SELECT wrong_tries FROM account_user WHERE id = $1", w.pat.ID); n != 5 || w.standing(w.pat) != "locked" {
			t.Errorf("%d tries were looked at, %s", n, w.standing(w.pat))
		}
		if n := w.number("SELECT COUNT(*) FROM audit_event WHERE action = 'signin.locked'"); n != 1 {
			t.Errorf("locked %d times", n)
		}
		if _, n := w.mailed("Your account is locked"); n != 1 {
			t.Errorf("%d notices", n)
		}
	})
}

func TestManyRightAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				e, err := w.SignIn(t.Context(), actor.Actor{IP: "192.0.2.1"}, account.SignIn{Email: w.pat.Email, Password: password, Browser: fmt.Sprint("b", i)})
				if err != nil || e.Token == "" {
					t.Errorf("%+v, %v", e, err)
				}
			})
		}
		wg.Wait()
		if got := w.standing(w.pat); got != "active" {
			t.Errorf("right passwords made the account %s", got)
		}
	})
}

func TestTooManyFromOneAddress(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		for range 3 {
			b.signIn("nobody@else.example", "wrong").says(http.StatusUnprocessableEntity, notRight)
		}
		b.signIn(w.pat.Email, password).says(http.StatusTooManyRequests, "Too many tries. Try again in 15 minutes.")
		w.clock.Advance(15 * time.Minute)
		b.signIn(w.pat.Email, password).goesTo("/")
	}, func(s *account.Settings) { s.SignInsPerIP = 3 })
}

func TestNextStaysHere(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for next, want := range map[string]string{
			"/mail/t/1?x=1": "/mail/t/1?x=1", "": "/", "https://evil.example/": "/", "//evil.example": "/", `/\evil.example`: "/", `\\evil.example`: "/", "javascript:alert(1)": "/",
			"/%0d%0aSet-Cookie:x=1": "/%0d%0aSet-Cookie:x=1", "mail": "/", "/signin?next=/": "/", "/signout": "/", "/\t/evil.example": "/", "http:/evil.example": "/",
		} {
			p := w.browser().post("/signin", "email", w.pat.Email, "password", password, "next", next)
			if p.status != http.StatusSeeOther || p.to != want {
				t.Errorf("next=%q: %d to %q, want %q", next, p.status, p.to, want)
			}
		}
		p := w.browser().get("/signin?next=" + url.QueryEscape("/mail?a=\"><script>"))
		if v, _ := p.Find("[name=next]").Attr("value"); v != `/mail?a="><script>` && p.Find("[name=next]").Length() != 0 {
			t.Errorf("next on the page %q", v)
		}
		if p.Find("form script").Length() != 0 {
			t.Error("next became markup")
		}
	})
}

func TestHostileSignIn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, email := range []string{strings.Repeat("a", 300_000), "a\x00b@x.example", "\xff\xfe@x.example", "' OR 1=1 --", strings.Repeat("@", 1000), "ann.lee@harbor.example\r\nBcc: x", "<script>alert(1)</script>@x.example"} {
			p := w.browser().signIn(email, password)
			if p.status != http.StatusUnprocessableEntity || p.Find("main script").Length() != 0 {
				t.Errorf("%.20q: %d", email, p.status)
			}
		}
		w.browser().signIn(w.pat.Email, strings.Repeat("x", 500_000)).says(http.StatusUnprocessableEntity, notRight)
		w.browser().signIn(w.pat.Email, strings.Repeat("x", 2_000_000)).says(http.StatusRequestEntityTooLarge, "too large")
		b := w.browser()
		r := b.request(http.MethodPost, "/signin", url.Values{"email": {w.pat.Email}, "password": {password}})
		r.Header.Set("User-Agent", "x\xff\x01"+strings.Repeat("é", 5000))
		b.do(r).goesTo("/")
	})
}

func TestFormsFromElsewhereAreRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		r := b.request(http.MethodPost, "/signin", url.Values{"email": {w.pat.Email}, "password": {password}})
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		if p := b.do(r); p.status != http.StatusForbidden || b.session() != "" {
			t.Errorf("%d", p.status)
		}
	})
}

func TestEachDoorOpensItsOwnAccounts(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.browser().signIn(w.sam.Email, password).says(http.StatusUnprocessableEntity, notRight)
		for _, u := range []account.User{w.ann, w.pat} {
			_, err := w.SignIn(t.Context(), actor.Actor{}, account.SignIn{Email: u.Email, Password: password, Browser: "b", Staff: true})
			if !fault.Is(err, fault.Invalid) || fault.From(err).For("email") != notRight {
				t.Errorf("%s at Support's door: %v", u.Email, err)
			}
		}
		if n := w.number("SELECT COUNT(*) FROM account_session"); n != 0 {
			t.Errorf("%d sessions", n)
		}
	})
}

// age makes everybody's password as old as it may be.
func (w *world) age() { w.clock.Advance(90*24*time.Hour + time.Second) }

func TestExpiredPassword(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.clock.Advance(90 * 24 * time.Hour)
		w.browser().signIn(w.pat.Email, password).goesTo("/") // its last moment
		w.clock.Advance(time.Second)
		b := w.browser()
		b.post("/signin", "email", w.pat.Email, "password", password, "next", "/mail/t/1").goesTo("/password/expired?next=%2Fmail%2Ft%2F1")
		if b.session() != "" || b.signedIn() {
			t.Fatal("a session before the change")
		}
		b.get("/password/expired?next=%2Fmail%2Ft%2F1").says(http.StatusOK, "Your password has expired", "Current Password", "New Password", "Confirm Password", "Password Instructions")
		w.browser().get("/password/expired").goesTo("/signin")
		w.browser().post("/password/expired", "current_password", password, "new_password", better, "confirm_password", better).goesTo("/signin")
		b.post("/password/expired", "current_password", "", "new_password", better, "confirm_password", better).beside("current_password", "Enter your current password")
		b.post("/password/expired", "current_password", "wrong", "new_password", better, "confirm_password", better).beside("current_password", "Your current password is not right")
		b.post("/password/expired", "current_password", password, "new_password", password, "confirm_password", password).beside("new_password", "Choose a password that is not one of your last 6 passwords")
		if b.signedIn() {
			t.Fatal("a session before the change")
		}
		b.post("/password/expired", "current_password", password, "new_password", better, "confirm_password", better, "next", "/mail/t/1").goesTo("/mail/t/1")
		if !b.signedIn() {
			t.Error("no session after the change")
		}
		if _, n := w.mailed("Your password was changed"); n != 1 {
			t.Errorf("%d notices", n)
		}
		w.browser().signIn(w.pat.Email, password).says(http.StatusUnprocessableEntity, notRight)
		w.browser().signIn(w.pat.Email, better).goesTo("/")
	})
}

// TestHalfDoneSignInsEndWithTheOldPassword: what stopped at a step in another browser began with the old password.
func TestHalfDoneSignInsEndWithTheOldPassword(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.age()
		b, thief := w.browser(), w.browser()
		thief.signIn(w.pat.Email, password).goesTo("/password/expired")
		b.signIn(w.pat.Email, password).goesTo("/password/expired")
		b.post("/password/expired", "current_password", password, "new_password", better, "confirm_password", better).goesTo("/")
		thief.post("/terms/new", "agree", "2026-01-01").goesTo("/signin")
		thief.get("/password/expired").goesTo("/signin")

		w.age()
		thief.signIn(w.pat.Email, better).goesTo("/password/expired")
		b = w.browser()
		b.post("/forgot", "email", w.pat.Email).goesTo("/forgot/sent")
		m, _ := w.mailed("Reset your password")
		b.post(path(m.Links[0])+"/password", "new_password", password+"2", "confirm_password", password+"2").goesTo("/reset/done")
		thief.post("/terms/new", "agree", "2026-01-01").goesTo("/signin")
		if thief.signedIn() {
			t.Error("the old password opened a session")
		}
	})
}

// TestTwoPeopleAtOneBrowser: the one who comes second never goes on with the first one's sign-in.
func TestTwoPeopleAtOneBrowser(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		b.signIn(w.pat.Email, password).goesTo("/terms/new")
		w.clock.Advance(time.Second)
		b.signIn(w.ann.Email, password).goesTo("/terms/new")
		w.clock.Advance(time.Second)
		b.signIn(w.pat.Email, password).goesTo("/terms/new")
		b.post("/terms/new", "agree", "2027-01-01").goesTo("/")
		b.get("/").says(http.StatusOK, "home of pat@people.example")
	}, func(s *account.Settings) { s.TermsVersion = "2027-01-01" })
}

func TestNewTerms(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		b.post("/signin", "email", w.pat.Email, "password", password, "next", "/profile/account").goesTo("/terms/new?next=%2Fprofile%2Faccount")
		if b.signedIn() {
			t.Fatal("a session before the terms")
		}
		b.get("/terms/new?next=%2Fprofile%2Faccount").says(http.StatusOK, "Terms of Use", "2027-01-01", "Be kind.", "I have read and agree to the Terms of Use", "I do not agree")
		b.post("/terms/new").says(http.StatusUnprocessableEntity, "Select the box if you agree to the Terms of Use")
		b.post("/terms/new", "agree", "2026-01-01").says(http.StatusUnprocessableEntity, "Select the box") // of the older text
		w.browser().post("/terms/new", "agree", "2027-01-01").goesTo("/signin")
		b.post("/terms/new?next=%2Fprofile%2Faccount", "agree", "2027-01-01").goesTo("/profile/account")
		if !b.signedIn() {
			t.Error("no session after the terms")
		}
		w.browser().signIn(w.pat.Email, password).goesTo("/")

		no := w.browser()
		no.signIn(w.ann.Email, password).goesTo("/terms/new")
		no.post("/terms/new/decline").goesTo("/signin?out=1")
		no.get("/terms/new").goesTo("/signin")
		no.post("/terms/new", "agree", "2027-01-01").goesTo("/signin")
	}, func(s *account.Settings) { s.TermsVersion = "2027-01-01" })
}

// The box to tick and Continue stand inside the scrolling text, after its last line, reached by keyboard and never
// disabled; Print waits for scripts.
func TestTermsPage(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		b.signIn(w.pat.Email, password).goesTo("/terms/new")
		p := b.get("/terms/new").says(http.StatusOK, "Version of 2027-01-01")
		box := p.Find("div.terms[tabindex='0'][role=region][aria-label]")
		if box.Length() != 1 || !box.Children().Last().Is("form") || box.Find("form [name=agree][type=checkbox]").Length() != 1 {
			t.Error("the form does not end the text")
		}
		buttons := box.Find("form button")
		if buttons.Length() != 2 || p.Find("[disabled]").Length() != 0 || buttons.First().Text() != "Continue" {
			t.Errorf("buttons %q", buttons.Text())
		}
		if print := p.Find("button[data-print]"); print.Length() != 1 || strings.TrimSpace(print.Text()) != "Print" {
			t.Error("no Print")
		} else if _, hidden := print.Attr("hidden"); !hidden {
			t.Error("Print is shown where it cannot work")
		}
		if _, checked := box.Find("[name=agree]").Attr("checked"); checked {
			t.Error("the box is ticked beforehand")
		}
	}, func(s *account.Settings) { s.TermsVersion = "2027-01-01" })
}

// What was accepted can be shown later: each text once, with its version and since when, and who accepted which.
func TestTermsAreKept(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		must(t, w.KeepTerms(t.Context()))
		w.clock.Advance(time.Hour)
		must(t, w.KeepTerms(t.Context())) // the next start
		if n := w.number("SELECT COUNT(*) FROM account_terms_text WHERE version = '2026-01-01' AND text LIKE '%Be kind.%' AND from_at = $1", start.UnixMicro()); n != 1 {
			t.Errorf("%d texts", n)
		}
		if n := w.number("SELECT COUNT(*) FROM account_terms WHERE version = '2026-01-01' AND user_id = $1 AND accepted_at = $2", w.pat.ID, start.UnixMicro()); n != 1 {
			t.Errorf("%d acceptances", n)
		}
		if n := w.number("SELECT COUNT(*) FROM audit_event e JOIN account_terms_text x ON e.detail LIKE '%' || x.digest || '%' WHERE e.action = 'terms.accepted' AND e.subject_id = $1", w.pat.ID); n != 1 {
			t.Errorf("%d lines in the trail name the text", n)
		}
	})
}

func TestHalfDoneSignInEndsByItself(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		b.signIn(w.pat.Email, password).goesTo("/terms/new")
		w.clock.Advance(30 * time.Minute)
		b.post("/terms/new", "agree", "2027-01-01").goesTo("/signin")
	}, func(s *account.Settings) { s.TermsVersion = "2027-01-01" })
}

func path(link string) string { return strings.TrimPrefix(link, "https://portal.example") }
