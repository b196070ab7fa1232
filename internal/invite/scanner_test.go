package invite_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/invite"
	"securepractice/internal/notify"
)

// scanner is a mail gateway that looks where links lead: it fetches every page it finds and presses every button on it,
// with what the page has filled in, and types nothing.
type scanner struct {
	*browser
	seen    map[string]bool
	pressed int
}

func (w *world) scan(link string) (pressed int) {
	s := &scanner{w.browser(), map[string]bool{}, 0}
	s.visit(link)
	return s.pressed
}

func (s *scanner) visit(path string) {
	if s.seen[path] || strings.HasPrefix(path, "/static") {
		return
	}
	s.seen[path] = true
	s.do(http.MethodHead, path, nil)
	s.get(path)
	s.page()
}

// page goes on from the page that is open.
func (s *scanner) page() {
	doc, at := s.doc, s.at
	var next []string
	doc.Find("a[href]").Each(func(_ int, a *goquery.Selection) {
		if to := attr(a, "href"); strings.HasPrefix(to, "/") {
			next = append(next, to)
		}
	})
	doc.Find("form").Each(func(_ int, f *goquery.Selection) {
		f.Find("button, input[type=submit]").Each(func(_ int, b *goquery.Selection) {
			if attr(b, "type") != "button" {
				s.press(at, f, b)
			}
		})
	})
	for _, to := range next {
		s.visit(to)
	}
}

func attr(s *goquery.Selection, name string) string {
	v, _ := s.Attr(name)
	return v
}

// press sends a form as a browser would when this button is pressed.
func (s *scanner) press(at string, f, button *goquery.Selection) {
	form := url.Values{}
	f.Find("input, textarea").Each(func(_ int, i *goquery.Selection) {
		_, checked := i.Attr("checked")
		if kind := attr(i, "type"); attr(i, "name") != "" && (kind != "checkbox" && kind != "radio" || checked) {
			form.Add(attr(i, "name"), attr(i, "value")+i.Filter("textarea").Text())
		}
	})
	f.Find("select").Each(func(_ int, i *goquery.Selection) {
		o := i.Find("option[selected]")
		if o.Length() == 0 {
			o = i.Find("option").First()
		}
		form.Add(attr(i, "name"), attr(o, "value"))
	})
	if name := attr(button, "name"); name != "" {
		form.Add(name, attr(button, "value"))
	}
	to := attr(button, "formaction")
	if to == "" {
		to = attr(f, "action")
	}
	if to == "" {
		to = at
	}
	key := "POST " + to + " " + form.Encode()
	if s.seen[key] {
		return
	}
	s.seen[key] = true
	s.pressed++
	s.do(http.MethodPost, to, form)
	s.page()
}

// stored is everything a link could have sent or used up.
func (w *world) stored() string {
	w.t.Helper()
	all := ""
	for _, query := range []string{
		"SELECT kind || ' ' || subject_id || ' ' || CAST(generation AS TEXT) || ' ' || CAST(expires_at AS TEXT) || ' ' || COALESCE(CAST(used_at AS TEXT), 'unused') FROM verify_link ORDER BY kind, subject_id",
		"SELECT id || state || COALESCE(accepted_by, '') || phone || cell FROM invite_invitation ORDER BY id",
		"SELECT id || state || CAST(wrong_tries AS TEXT) || COALESCE(password_hash, '') FROM account_user ORDER BY id",
		"SELECT id || user_id FROM account_session ORDER BY id", "SELECT user_id || version FROM account_terms ORDER BY user_id",
		"SELECT id FROM verify_flow WHERE sends > 0 OR phone_at IS NOT NULL OR terms_version IS NOT NULL ORDER BY id",
	} {
		rows, err := db.All(w.t.Context(), w.d, db.Scan1[string], query)
		if err != nil {
			w.t.Fatal(err)
		}
		all += fmt.Sprintln(strings.Join(rows, "\n"))
	}
	return all
}

// TestScannersSendAndUseNothing lets a scanner loose on every sort of link, at every stage.
func TestScannersSendAndUseNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		scan := func(what, link string) {
			t.Helper()
			before, sent := w.stored(), w.sent()
			pressed := w.scan(link)
			if after := w.stored(); after != before {
				t.Errorf("%s: before\n%s\nafter\n%s", what, before, after)
			}
			if n := w.sent() - sent; n != 0 || pressed == 0 {
				t.Errorf("%s: %d buttons sent %d notices", what, pressed, n)
			}
		}
		for _, role := range []invite.Role{invite.Patient, invite.DoctorOut, invite.StaffIn} {
			n := asked(role)
			n.Email = string(role) + "@northgate.example"
			w.invited(w.ann, n)
			first := path(w, w.last(notify.Email, n.Email))
			scan(string(role)+"'s invitation", first)
			if role != invite.Patient {
				continue
			}
			b := w.browser()
			b.post(first + "/start")
			b.post(first+"/name", "first_name", "Nora", "last_name", "Lind")
			b.post(first+"/phones", "time_zone", "America/Denver")
			b.post(first+"/security").want(200, first+"/sent")
			w.clock.Advance(2 * time.Minute)
			scan("the invitation after Finish", first)
			link := path(w, w.last(notify.Email, n.Email))
			scan("the set-password link", link)
			w.tx(func(ctx context.Context, tx *db.Tx) error {
				_, err := tx.Exec(ctx, "UPDATE invite_invitation SET two_step = $2 WHERE email_canon = $1", n.Email, false)
				return err
			})
			scan("the set-password link without a code", link)
		}
		b := w.browser()
		b.post("/forgot", "email", "ann@harbor.example")
		scan("the reset link", path(w, w.last(notify.Email, "ann@harbor.example")))
		n := asked(invite.StaffIn)
		n.Email, n.Phone, n.Cell, n.BySupport = "new@harbor.example", "", "", true
		w.invited(w.ann, n)
		scan("Support's invitation", path(w, w.last(notify.Email, n.Email)))
	})
}
