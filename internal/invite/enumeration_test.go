package invite_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/invite"
)

// tries is how often each sort of address is asked for; near is how far medians may lie apart: 5 ms or a twentieth.
const (
	tries = 200
	near  = 5 * time.Millisecond
)

// sort is one standing an address can have, and the address.
type sort struct{ name, email string }

// sorts makes an address of each standing.
func sorts(w *world) []sort {
	w.t.Helper()
	hash, err := w.account.Hash(w.t.Context(), pass)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, standing := range []string{"active", "locked", "deactivated"} {
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			u, err := w.account.Create(ctx, tx, actor.ByProgram("test"), account.NewUser{Email: standing + "@people.example", First: "Una", Last: "Poe", Cell: "+12065550150", Role: actor.Patient, PasswordHash: hash, TermsVersion: terms})
			if err != nil {
				return err
			}
			_, err = tx.Exec(ctx, "UPDATE account_user SET state = $2 WHERE id = $1", u.ID, standing)
			return err
		})
	}
	n := asked(invite.Patient)
	n.Email = "invited@people.example"
	w.invited(w.ann, n)
	return []sort{{"unknown", "unknown@people.example"}, {"known", "active@people.example"}, {"invited", "invited@people.example"}, {"locked", "locked@people.example"}, {"deactivated", "deactivated@people.example"}}
}

// ask sends a form from a browser of its own and says how long the answer took.
func (w *world) ask(path string, form url.Values) (*httptest.ResponseRecorder, time.Duration) {
	r := httptest.NewRequestWithContext(w.t.Context(), http.MethodPost, "http://127.0.0.1"+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	rec := httptest.NewRecorder()
	from := time.Now()
	w.server.Config.Handler.ServeHTTP(rec, r)
	return rec, time.Since(from)
}

// face is everything of an answer that can be seen, the address itself and a browser's fresh secret left out.
func face(rec *httptest.ResponseRecorder, email string) string {
	h := rec.Header().Clone()
	for i, c := range rec.Result().Cookies() {
		h["Set-Cookie"][i] = fmt.Sprint(c.Name, c.Path, c.MaxAge, c.HttpOnly, c.Secure, c.SameSite)
	}
	h.Del("Content-Length") // the address stands in the page
	return fmt.Sprint(rec.Code, h, strings.ReplaceAll(rec.Body.String(), email, "ADDRESS"))
}

// TestNobodyLearnsWhoHasAnAccount compares status, headers, page and time of every sort of address, at sign-in and at
// Forgot Password. Other work on the machine falls on all sorts alike, because they take turns; a measurement that went
// wrong is made again, and only three in a row count.
func TestNobodyLearnsWhoHasAnAccount(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, func(s *account.Settings) {
			s.ArgonMemory, s.ForgotTime = 7*1024, 0                            // the product's own: longer than the work of any address, on a busy machine too
			s.WrongTries, s.SignInsPerIP, s.ResetsPerDay = 1<<40, 1<<40, 1<<40 // so that every try does all its work
		})
		all := sorts(w)
		if err := w.jobs.Stop(t.Context()); err != nil { // what they send later is nobody's waiting
			t.Fatal(err)
		}
		for _, c := range []struct {
			path     string
			form     url.Values
			together int // tries at a time: at Forgot Password nearly all of a try is waiting
		}{
			{"/signin", url.Values{"password": {"Wrong-9041-x!"}}, 1},
			{"/forgot", url.Values{}, 8},
		} {
			var first string
			for _, s := range all {
				c.form.Set("email", s.email)
				rec, _ := w.ask(c.path, c.form)
				if got := face(rec, s.email); first == "" {
					first = got
				} else if got != first {
					t.Errorf("%s: %s differs:\n%s\nfrom\n%s", c.path, s.name, got, first)
				}
			}
			var apart string
			for range 3 {
				if apart = w.measure(c.path, c.form, all, c.together); apart == "" {
					break
				}
			}
			if apart != "" {
				t.Errorf("%s takes different times: %s", c.path, apart)
			}
		}
	})
}

// measure compares the median times of all sorts with the first one's, and says which lie apart.
func (w *world) measure(path string, form url.Values, all []sort, together int) (apart string) {
	took := map[string][]time.Duration{}
	var lock sync.Mutex
	var group errgroup.Group
	group.SetLimit(together)
	for n := range tries {
		for i := range all {
			s := all[(n+i)%len(all)]
			group.Go(func() error {
				one := maps.Clone(form)
				one.Set("email", s.email)
				_, d := w.ask(path, one)
				lock.Lock()
				defer lock.Unlock()
				took[s.name] = append(took[s.name], d)
				return nil
			})
		}
	}
	_ = group.Wait() // none fails
	median := func(name string) time.Duration {
		slices.Sort(took[name])
		return took[name][tries/2]
	}
	base := median(all[0].name)
	report := fmt.Sprintf("%s %v", all[0].name, base.Round(time.Microsecond))
	far := false
	for _, s := range all[1:] {
		m := median(s.name)
		report += fmt.Sprintf(", %s %v", s.name, m.Round(time.Microsecond))
		if off := time.Duration(math.Abs(float64(m - base))); off > near && off > base/20 {
			far = true
		}
	}
	w.t.Logf("%s, medians of %d: %s", path, tries, report)
	if far {
		return report
	}
	return ""
}
