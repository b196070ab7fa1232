package e2e

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/uuid"
)

// TestKilledWhileSending pulls the plug 20 times while people send. What was answered with "sent" is there, once.
func TestKilledWhileSending(t *testing.T) {
	p := start(t, t.TempDir())
	dana, miguel := p.demo("Dana"), p.demo("Miguel")
	var ledger struct {
		sync.Mutex
		acknowledged map[string]bool
	}
	ledger.acknowledged = map[string]bool{}
	for round := range 20 {
		c := newClient(t, p.url)
		c.signIn(dana.Email, dana.Password)
		stop := make(chan struct{})
		var senders sync.WaitGroup
		for s := range 4 {
			senders.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					subject := fmt.Sprintf("ledger %02d-%d-%d.", round, s, n)
					if sendOnce(c, p.url, miguel.Email, subject) {
						ledger.Lock()
						ledger.acknowledged[subject] = true
						ledger.Unlock()
					}
				}
			})
		}
		time.Sleep(time.Duration(20+rand.IntN(150)) * time.Millisecond) // the moment of the plug is the only chance here
		p.stop(syscall.SIGKILL)
		close(stop)
		senders.Wait()
		p.run()
	}
	if len(ledger.acknowledged) < 20 {
		t.Fatalf("only %d messages were acknowledged: nothing was tried", len(ledger.acknowledged))
	}
	c := newClient(t, p.url)
	c.signIn(miguel.Email, miguel.Password)
	seen := map[string]int{}
	for page := "/mail/inbox"; page != ""; {
		c.open(page)
		c.doc.Find(".conv .subj > span:first-child").Each(func(_ int, e *goquery.Selection) {
			seen[strings.TrimSpace(e.Text())]++
		})
		page = ""
		c.doc.Find("a").Each(func(_ int, a *goquery.Selection) {
			if strings.TrimSpace(a.Text()) == "Load older" {
				page = a.AttrOr("href", "")
			}
		})
	}
	for subject := range ledger.acknowledged {
		if seen[subject] != 1 {
			t.Errorf("%q was acknowledged and is there %d times", subject, seen[subject])
		}
	}
	for subject, n := range seen {
		if strings.HasPrefix(subject, "ledger") && n != 1 {
			t.Errorf("%q is there %d times", subject, n)
		}
	}
	t.Logf("%d acknowledged, %d arrived", len(ledger.acknowledged), len(seen))
}

// sendOnce sends one message and says whether the portal answered that it is sent. The same form is sent twice, as an
// impatient browser does.
func sendOnce(c *client, base, to, subject string) bool {
	form := url.Values{"id": {uuid.Must(uuid.NewV7()).String()}, "version": {"0"}, "to": {to}, "subject": {subject}, "body": {"killed or not"}, "do": {"send"}}
	sent := false
	for range 2 {
		req, err := http.NewRequest(http.MethodPost, base+"/mail/new", strings.NewReader(form.Encode()))
		if err != nil {
			return false
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", base)
		stay := *c.http
		stay.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		r, err := stay.Do(req)
		if err != nil {
			return sent
		}
		r.Body.Close()
		sent = sent || r.StatusCode == http.StatusSeeOther && strings.HasPrefix(r.Header.Get("Location"), "/mail/")
	}
	return sent
}

// TestNothingInClear plants words in everything that is content and searches all that the program has written.
func TestNothingInClear(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir)
	words := []string{"Quarzkrone", "Bernsteinfuge", "Moosachat", "Feldspatgips"}
	file := filepath.Join(t.TempDir(), words[2]+".txt")
	if err := os.WriteFile(file, []byte("The file says "+words[3]), 0o600); err != nil {
		t.Fatal(err)
	}
	dana, miguel := p.demo("Dana"), p.demo("Miguel")
	c := newClient(t, p.url)
	c.signIn(dana.Email, dana.Password)
	c.open("/mail/new")
	c.pressFiles("Save Draft", []string{file}, "to", miguel.Email, "subject", words[0]+" draft", "body", words[1]+" draft")
	c.open("/mail/new")
	c.pressFiles("Send", []string{file}, "to", miguel.Email, "subject", words[0], "body", words[1])
	c.see("Message sent.")
	m := newClient(t, p.url)
	m.signIn(miguel.Email, miguel.Password)
	until(t, "the message", func() bool { m.open("/mail/inbox"); return strings.Contains(m.text(), words[0]) })
	if all := fmt.Sprint(p.outbox()); containsAny(all, words) {
		t.Error("a notice carries content")
	}
	p.stop(syscall.SIGTERM)
	if log := p.log.String(); containsAny(log, words) || containsAny(log, []string{dana.Email, dana.Password, "Okafor", "5550142"}) {
		t.Error("the log carries content, an address or a number")
	}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, w := range words {
			if bytes.Contains(b, []byte(w)) || bytes.Contains(bytes.ToLower(b), bytes.ToLower([]byte(w))) || strings.Contains(path, w) {
				t.Errorf("%q stands in clear in %s", w, path)
			}
		}
		for _, secret := range []string{dana.Password, miguel.Password} {
			if bytes.Contains(b, []byte(secret)) {
				t.Errorf("a password stands in clear in %s", path)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func containsAny(text string, words []string) bool {
	for _, w := range words {
		if strings.Contains(strings.ToLower(text), strings.ToLower(w)) {
			return true
		}
	}
	return false
}
