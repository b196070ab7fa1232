//go:build bench

package bench

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/db"
	"securepractice/internal/mail"
)

// followers are how many people keep pages open, and pages how many each.
const (
	followers = 25
	pages     = 20
)

// follower is somebody with open pages; each event at one of them gives its time.
type follower struct {
	email string
	seen  chan time.Time
}

// TestLive: 500 open pages of 25 people in one process. How long after its answer to the sender, and after the request
// for it, a message is heard of at a page: to one person at a time from four senders, and to twenty people at once.
func TestLive(t *testing.T) {
	engines(t, func(t *testing.T, engine, address string) {
		w := newWorld(t, address)
		people := w.follow(t)
		send := func(to ...*follower) (asked, answered time.Time) {
			emails := make([]string, len(to))
			for i, f := range to {
				emails[i] = f.email
			}
			asked = time.Now()
			if _, err := w.Mail.Send(t.Context(), w.dana, mail.Compose{DraftID: db.NewID(), To: strings.Join(emails, ", "), Subject: "News", Body: "Look."}); err != nil {
				t.Error(err)
			}
			return asked, time.Now()
		}
		var one heard
		var group sync.WaitGroup
		for c := range 4 {
			group.Go(func() {
				for begin, n := time.Now(), c; time.Since(begin) < span; n += 4 { // each sender has six people of their own
					f := people[n%24]
					asked, answered := send(f)
					one.wait(t, asked, answered, f)
				}
			})
		}
		group.Wait()
		one.note(engine + ", to one person")
		var many heard
		for begin := time.Now(); time.Since(begin) < span; {
			asked, answered := send(people[:20]...)
			many.wait(t, asked, answered, people[:20]...)
		}
		many.note(engine + ", to 20 people")
	})
}

// heard is how long messages took to be heard of, in milliseconds.
type heard struct {
	mu                sync.Mutex
	asked, afterwards []float64
}

// wait takes the events of one message at all pages of these people.
func (h *heard) wait(t *testing.T, asked, answered time.Time, people ...*follower) {
	t.Helper()
	late := time.After(10 * time.Second)
	for _, f := range people {
		for range pages {
			select {
			case at := <-f.seen:
				h.mu.Lock()
				h.asked = append(h.asked, ms(at.Sub(asked)))
				h.afterwards = append(h.afterwards, max(0, ms(at.Sub(answered))))
				h.mu.Unlock()
			case <-late:
				t.Error("a page heard nothing")
				return
			}
		}
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// note keeps both figures. The message is committed between the request and the answer, so the time since the request is
// never less than the time since the commit, and the time since the answer never more.
func (h *heard) note(how string) {
	p99 := func(list []float64) float64 {
		if len(list) == 0 {
			return 0
		}
		slices.Sort(list)
		return list[(len(list)-1)*99/100]
	}
	noteMost("500 open pages, "+how+", heard since the request, p99", p99(h.asked), "ms", 250, "< 250 ms")
	noteMost("500 open pages, "+how+", heard since the answer, p99", p99(h.afterwards), "ms", 100, "< 100 ms")
}

// follow makes the people and opens their pages.
func (w *world) follow(t *testing.T) []*follower {
	t.Helper()
	hash, err := w.Account.Hash(t.Context(), "Open-Window-3317")
	if err != nil {
		t.Fatal(err)
	}
	terms, _, err := db.One(t.Context(), w.DB, db.Scan1[string], "SELECT version FROM account_terms WHERE user_id = $1", w.dana.ID)
	if err != nil {
		t.Fatal(err)
	}
	people := make([]*follower, followers)
	err = w.DB.InTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
		for i := range people {
			people[i] = &follower{fmt.Sprintf("page%d@eastlakeoral.example", i), make(chan time.Time, pages)}
			_, err := w.Account.Create(ctx, tx, actor.ByProgram("bench"), account.NewUser{Email: people[i].email, PracticeID: w.miguel.PracticeID, First: "Page", Last: fmt.Sprint("N", i),
				Cell: "+12065550178", Zone: "America/Los_Angeles", PasswordHash: hash, TermsVersion: terms, Role: actor.Helper})
			if err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, "UPDATE practice_practice SET max_recipients = 20")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range people {
		cookie := w.signIn(t, f.email, "Open-Window-3317")
		for range pages {
			w.listen(t, cookie, f.seen)
		}
	}
	return people
}

// listen opens one page's stream and gives the time of each event.
func (w *world) listen(t *testing.T, cookie string, seen chan<- time.Time) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.server.URL+mail.EventsPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Cookie", cookie)
	r, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if r.StatusCode != http.StatusOK {
		t.Fatalf("a page's stream: %d", r.StatusCode)
	}
	go func() { // ends when the test's context does
		defer r.Body.Close()
		for lines := bufio.NewScanner(r.Body); lines.Scan(); {
			if lines.Text() == "event: mail" {
				seen <- time.Now()
			}
		}
	}()
}
