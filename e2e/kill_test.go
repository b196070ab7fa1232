package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/uuid"

	"securepractice/internal/db/dbtest"
)

// TestKilled pulls the plug while eight clients send, reply, upload and save drafts, each trying again with the same key
// until it is answered. In the end everything is there once, whole, and nothing else is. SECUREPRACTICE_TEST_KILLS says
// how often; 8 without it.
func TestKilled(t *testing.T) {
	kills := 8
	if n, err := strconv.Atoi(os.Getenv("SECUREPRACTICE_TEST_KILLS")); err == nil {
		kills = n
	}
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			args := []string{"--undo-send", "300ms"} // so that messages are on their way when the plug is pulled
			if engine == "postgres" {
				owner, _ := dbtest.PostgresURLs(t)
				args = append(args, "--database", owner)
			}
			killed(t, start(t, t.TempDir(), args...), kills)
		})
	}
}

// act is one thing a client does until it is answered. Its key is its idempotency key.
type act struct {
	kind, key, mark string
	file            []byte
	uploaded        bool
}

// worker is a client that does one act after the other.
type worker struct {
	*client
	n          int
	to, thread string // whom it writes to, and in which conversation it replies
	base       *atomic.Pointer[string]
	tries      int
	done       []act
	answered   *[len(kinds)]atomic.Int64 // by all workers, of each kind
	threadOf   map[string]string         // by mark of a message: its conversation, as its sender was told
}

// kinds are the acts that workers do.
var kinds = [...]string{"message", "reply", "file", "draft"}

func killed(t *testing.T, p *program, kills int) {
	var base atomic.Pointer[string]
	first := p.url
	base.Store(&first)
	people := []person{p.demo("Dana"), p.demo("Miguel")}
	var workers []*worker
	var answered [len(kinds)]atomic.Int64
	for n := range 8 {
		w := &worker{client: newClient(t, p.url), n: n, answered: &answered, to: people[1-n/4].Email, base: &base, threadOf: map[string]string{}}
		w.signIn(people[n/4].Email, people[n/4].Password)
		opening := act{kind: "message", key: newKey(), mark: fmt.Sprintf("ledger-%d-first", n)}
		if err := w.try(&opening); err != nil {
			t.Fatal(err)
		}
		w.thread, w.done = w.threadOf[opening.mark], append(w.done, opening)
		workers = append(workers, w)
	}
	until(t, "the first messages have left", func() bool {
		return workers[0].countOn("/mail/sent", "Sending") == 0 && workers[4].countOn("/mail/sent", "Sending") == 0
	})
	stop := make(chan struct{})
	var all sync.WaitGroup
	for _, w := range workers {
		all.Go(func() { w.work(stop) })
	}
	for n := range kills {
		until(t, "as many of each kind are answered as kills", func() bool {
			least := answered[0].Load()
			for i := range answered {
				least = min(least, answered[i].Load())
			}
			return least > int64(n)
		})
		time.Sleep(time.Duration(100+rand.IntN(300)) * time.Millisecond) // the moment of the plug is the only chance here
		p.stop(syscall.SIGKILL)
		p.run()
		now := p.url
		base.Store(&now)
	}
	close(stop)
	all.Wait()
	check(t, workers, kills)
}

func newKey() string { return uuid.Must(uuid.NewV7()).String() }

// work does acts until stop; the one it is at is still done.
func (w *worker) work(stop <-chan struct{}) {
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		default:
		}
		kind := rand.IntN(len(kinds))
		a := act{kind: kinds[kind], key: newKey(), mark: fmt.Sprintf("ledger-%d-%d-end", w.n, n)}
		if a.kind == "file" {
			a.file = append([]byte("%PDF-1.4\n"+a.mark+strings.Repeat("x", rand.IntN(200_000))), "\n%%EOF\n"...)
		}
		for end := time.Now().Add(time.Minute); ; w.tries++ {
			err := w.try(&a)
			if err == nil {
				break
			}
			var refused refusedError
			if errors.As(err, &refused) || time.Now().After(end) {
				w.t.Errorf("%s %s: %v", a.kind, a.mark, err)
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		w.done = append(w.done, a)
		w.answered[kind].Add(1)
	}
}

// refusedError is an answer that trying again does not change.
type refusedError struct{ error }

// try makes the requests of an act that have not been answered yet.
func (w *worker) try(a *act) error {
	form := [][2]string{{"id", a.key}, {"version", "0"}, {"body", "The text of " + a.mark}}
	switch a.kind {
	case "draft":
		code, _, err := w.ask("/mail/drafts/save", append(form, [2]string{"to", w.to}, [2]string{"subject", a.mark}), nil)
		if err == nil && code == http.StatusConflict {
			return nil // it was stored, and the answer was lost
		}
		return answered(code, http.StatusOK, err)
	case "reply":
		code, _, err := w.ask("/mail/t/"+w.thread+"/reply", append(form, [2]string{"do", "send"}), []byte{})
		return answered(code, http.StatusSeeOther, err)
	}
	if a.kind == "file" && !a.uploaded {
		code, text, err := w.ask("/mail/drafts/file", [][2]string{{"id", a.key}}, a.file)
		if err == nil && code == http.StatusUnprocessableEntity && strings.Contains(text, "already attached") {
			code = http.StatusOK
		}
		if err := answered(code, http.StatusOK, err); err != nil {
			return err
		}
		a.uploaded = true
	}
	code, where, err := w.ask("/mail/new", append(form, [2]string{"to", w.to}, [2]string{"subject", a.mark}, [2]string{"do", "send"}), []byte{})
	if err == nil && code == http.StatusSeeOther {
		w.threadOf[a.mark] = strings.TrimPrefix(where, "/mail/t/")
	}
	return answered(code, http.StatusSeeOther, err)
}

func answered(code, want int, err error) error {
	switch {
	case err != nil:
		return err
	case code == want:
		return nil
	case code >= 500:
		return fmt.Errorf("status %d", code)
	}
	return refusedError{fmt.Errorf("status %d", code)}
}

// ask posts fields, urlencoded when file is nil and else in parts with the file where it holds anything. It returns the
// status and the text, or where a redirect leads.
func (w *worker) ask(path string, fields [][2]string, file []byte) (int, string, error) {
	var body bytes.Buffer
	kind := "application/x-www-form-urlencoded"
	if file == nil {
		v := url.Values{}
		for _, f := range fields {
			v.Add(f[0], f[1])
		}
		body.WriteString(v.Encode())
	} else {
		m := multipart.NewWriter(&body)
		for _, f := range fields {
			_ = m.WriteField(f[0], f[1]) // a buffer takes everything
		}
		if len(file) > 0 {
			part, _ := m.CreateFormFile("attachments", "scan.pdf")
			_, _ = part.Write(file)
		}
		_ = m.Close()
		kind = m.FormDataContentType()
	}
	base := *w.base.Load()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, base+path, &body)
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("Origin", base)
	req.Header.Set("Accept", "application/json")
	stay := *w.http
	stay.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r, err := stay.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if where := r.Header.Get("Location"); where != "" {
		return r.StatusCode, where, err
	}
	return r.StatusCode, string(text), err
}

// countOn counts how often a page holds some words.
func (w *worker) countOn(path, words string) int {
	w.follow()
	w.open(path)
	return strings.Count(w.text(), words)
}

// follow points the client to where the portal is now.
func (w *worker) follow() { w.client.base = *w.base.Load() }

// every hands on the subjects of a list.
func (w *worker) every(path string, each func(subject string)) {
	w.everyPage(path, func() {
		w.doc.Find(".conv .subj > span:first-child").Each(func(_ int, e *goquery.Selection) { each(strings.TrimSpace(e.Text())) })
	})
}

// everyPage walks a list to its end.
func (w *worker) everyPage(path string, page func()) {
	w.follow()
	for path != "" {
		w.open(path)
		page()
		path = ""
		w.doc.Find("a").Each(func(_ int, a *goquery.Selection) {
			if strings.TrimSpace(a.Text()) == "Load older" {
				path = a.AttrOr("href", "")
			}
		})
	}
}

// check compares what is there with what was answered.
func check(t *testing.T, workers []*worker, kills int) {
	t.Helper()
	for end := time.Now().Add(90 * time.Second); ; time.Sleep(time.Second) { // files whose worker was killed are taken up again after 20 s
		n := 0
		for _, w := range []*worker{workers[0], workers[4]} {
			w.everyPage("/mail/sent", func() { n += strings.Count(w.text(), "Sending") + strings.Count(w.text(), "Checking attachments") })
		}
		if n == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d messages have not left", n)
		}
	}
	counts := map[string]int{}
	tries := 0
	for side := range 2 {
		authors, author, reader := workers[4*side:4*side+4], workers[4*side], workers[4*(1-side)]
		want := map[string]map[string]int{"/mail/inbox": {}, "/mail/drafts": {}, "/mail/sent": {}}
		for _, w := range authors {
			tries += w.tries
			for _, a := range w.done {
				counts[a.kind]++
				switch a.kind {
				case "draft":
					want["/mail/drafts"][a.mark]++
				case "reply": // stands there under its conversation's subject
					want["/mail/sent"][fmt.Sprintf("ledger-%d-first", w.n)]++
				case "message", "file":
					want["/mail/inbox"][a.mark]++
					want["/mail/sent"][a.mark]++
				}
			}
			w.checkReplies(reader)
			w.checkFiles(reader)
		}
		for list, marks := range want {
			who := reader
			if list != "/mail/inbox" {
				who = author
			}
			compare(t, who, list, marks, authors)
		}
	}
	t.Logf("killed %d times: %v answered, %d tries were not", kills, counts, tries)
	if counts["message"] < 8+kills || counts["reply"] < kills || counts["file"] < kills || counts["draft"] < kills {
		t.Errorf("too little was tried: %v", counts)
	}
}

// compare finds in a list every mark as often as it should be there, and no other of these authors.
func compare(t *testing.T, who *worker, list string, want map[string]int, authors []*worker) {
	t.Helper()
	got := map[string]int{}
	who.every(list, func(subject string) {
		for _, w := range authors {
			if strings.HasPrefix(subject, fmt.Sprintf("ledger-%d-", w.n)) {
				got[subject]++
			}
		}
	})
	for mark, n := range want {
		if got[mark] != n {
			t.Errorf("%s: %q was answered %d times and is there %d times", list, mark, n, got[mark])
		}
	}
	for mark, n := range got {
		if want[mark] == 0 {
			t.Errorf("%s: %q is there %d times and was never answered", list, mark, n)
		}
	}
}

// checkReplies finds every reply once in its conversation, as its reader sees it.
func (w *worker) checkReplies(reader *worker) {
	reader.follow()
	text := ""
	for path := "/mail/t/" + w.thread; path != ""; {
		reader.open(path)
		text += reader.doc.Find("#thread .sheet .text").Text()
		path = ""
		reader.doc.Find("#thread a").Each(func(_ int, a *goquery.Selection) {
			if strings.TrimSpace(a.Text()) == "Show older messages" {
				path = a.AttrOr("href", "")
			}
		})
	}
	for _, a := range w.done {
		if n := strings.Count(text, "The text of "+a.mark); a.kind == "reply" && n != 1 {
			w.t.Errorf("the reply %s was answered and is there %d times", a.mark, n)
		}
	}
}

// checkFiles downloads the files of its messages as their reader does.
func (w *worker) checkFiles(reader *worker) {
	reader.follow()
	for _, a := range w.done {
		if a.kind != "file" {
			continue
		}
		reader.open("/mail/t/" + w.threadOf[a.mark])
		links := reader.doc.Find("a[href^='/mail/attachments/']:not([href*='/view'])")
		if links.Length() != 1 {
			w.t.Errorf("%s has %d files", a.mark, links.Length())
			continue
		}
		sum := sha256.Sum256(a.file)
		if got, _ := reader.fetch(links.AttrOr("href", "")); got != hex.EncodeToString(sum[:]) {
			w.t.Errorf("the file of %s is not what was sent", a.mark)
		}
	}
}
