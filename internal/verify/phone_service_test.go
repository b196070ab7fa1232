package verify_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/fault"
	"securepractice/internal/notify"
	"securepractice/internal/verify"
)

// twilio stands in for Twilio: it checks each request as its documentation asks, keeps the forms, and answers what it is
// told to.
type twilio struct {
	*httptest.Server
	t       *testing.T
	mu      sync.Mutex
	forms   []url.Values
	answers []answer // of the next requests; then a resource is made
}

type answer struct {
	status, code int
	wait         time.Duration
}

const (
	account   = "AC0123456789abcdef0123456789abcdef"
	authToken = "auth-token-of-the-test"
	from      = "+12065550100"
)

func newTwilio(t *testing.T) *twilio {
	s := &twilio{t: t}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *twilio) client() *notify.Twilio {
	return &notify.Twilio{Account: account, Token: authToken, From: from, API: s.URL, Back: "https://portal.example", HTTP: s.Client()}
}

func (s *twilio) serve(w http.ResponseWriter, r *http.Request) {
	user, pass, ok := r.BasicAuth()
	if !ok || user != account || pass != authToken {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"code": 20003, "message": "Authenticate", "status": 401}`)
		return
	}
	if err := r.ParseForm(); err != nil || r.Method != http.MethodPost || r.URL.RawQuery != "" || r.PostForm.Get("To") == "" || r.PostForm.Get("From") != from {
		s.t.Errorf("not as documented: %s %s %v", r.Method, r.URL, r.PostForm)
	}
	s.mu.Lock()
	s.forms = append(s.forms, r.PostForm)
	n := len(s.forms)
	var a answer
	if len(s.answers) > 0 {
		a, s.answers = s.answers[0], s.answers[1:]
	}
	s.mu.Unlock()
	time.Sleep(a.wait)
	if a.status != 0 {
		w.WriteHeader(a.status)
		fmt.Fprintf(w, `{"code": %d, "message": "The number %s is not right", "status": %d}`, a.code, r.PostForm.Get("To"), a.status)
		return
	}
	w.WriteHeader(http.StatusCreated)
	switch r.URL.Path {
	case "/2010-04-01/Accounts/" + account + "/Messages.json":
		fmt.Fprintf(w, `{"sid": "SM%032d", "status": "queued"}`, n)
	case "/2010-04-01/Accounts/" + account + "/Calls.json":
		fmt.Fprintf(w, `{"sid": "CA%032d", "status": "queued"}`, n)
	default:
		s.t.Errorf("no such resource: %s", r.URL.Path)
	}
}

func (s *twilio) last() url.Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.forms) == 0 {
		s.t.Fatal("nothing was sent")
	}
	return s.forms[len(s.forms)-1]
}

// ask sends a request as Twilio would, signed over the portal's own address.
func (w *world) ask(address string, form url.Values, key string) *httptest.ResponseRecorder {
	w.t.Helper()
	names := make([]string, 0, len(form))
	for n := range form {
		names = append(names, n)
	}
	slices.Sort(names)
	mac := hmac.New(sha1.New, []byte(key))
	mac.Write([]byte(address))
	for _, n := range names {
		mac.Write([]byte(n + form.Get(n)))
	}
	r := httptest.NewRequestWithContext(w.t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Twilio-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	rec := httptest.NewRecorder()
	w.site.ServeHTTP(rec, r)
	return rec
}

var digits = regexp.MustCompile(`<Say>(\d)</Say>`)

// TestCallByTwilio: no code leaves with the request; the voice gives it to a pressed key, once, slowly and twice, and to
// nobody who is not Twilio.
func TestCallByTwilio(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newTwilio(t)
		w := newWorldBy(t, d, s.client())
		w.start()
		f := w.beginNew()
		must(t, w.SendCode(t.Context(), visitor, f, byCall))
		must(t, w.jobs.Wait(t.Context()))
		sent := s.last()
		voice, sid := sent.Get("Url"), "CA00000000000000000000000000000001"
		if sent.Get("To") != ann.Phone || !strings.HasPrefix(voice, "https://portal.example/twilio/voice/") || sent.Get("StatusCallback") == "" || regexp.MustCompile(`\b\d{6}\b`).MatchString(fmt.Sprint(sent)) {
			t.Fatalf("sent %v", sent)
		}
		call := url.Values{"CallSid": {sid}, "CallStatus": {"in-progress"}}
		for name, rec := range map[string]*httptest.ResponseRecorder{
			"another token": w.ask(voice, call, "guess"), "an unknown notice": w.ask("https://portal.example/twilio/voice/"+db.NewID(), url.Values{"CallSid": {sid}, "Digits": {"1"}}, authToken),
			"another call": w.ask(voice, url.Values{"CallSid": {"CA9"}, "Digits": {"1"}}, authToken),
		} {
			if body := rec.Body.String(); digits.MatchString(body) || strings.Contains(body, "Harbor") {
				t.Errorf("%s hears %s", name, body)
			}
		}
		hello := w.ask(voice, call, authToken)
		if body := hello.Body.String(); !strings.Contains(body, "This is Harbor Dental with your secret code. Press any key to hear it.") || digits.MatchString(body) || !strings.Contains(body, `<Gather numDigits="1"`) {
			t.Errorf("the call begins with %s", body)
		}
		if hello.Header().Get("Content-Type") != "text/xml; charset=utf-8" || hello.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("headers %v", hello.Header())
		}
		call.Set("Digits", "5")
		said := digits.FindAllStringSubmatch(w.ask(voice, call, authToken).Body.String(), -1)
		if len(said) != 12 {
			t.Fatalf("the voice says %v", said)
		}
		var code strings.Builder
		for i, m := range said {
			if i < 6 {
				code.WriteString(m[1])
			} else if m[1] != said[i-6][1] {
				t.Errorf("the second time it says %v", said)
			}
		}
		if again := w.ask(voice, call, authToken).Body.String(); digits.MatchString(again) {
			t.Errorf("a second time the voice says %s", again)
		}
		must(t, w.CheckCode(t.Context(), visitor, f, code.String()))
	})
}

// TestUnansweredCall: a call that ends unheard leaves no readable code, and the person may have another one at once.
func TestUnansweredCall(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newTwilio(t)
		w := newWorldBy(t, d, s.client())
		w.start()
		f := w.beginNew()
		must(t, w.SendCode(t.Context(), visitor, f, byCall))
		must(t, w.jobs.Wait(t.Context()))
		status := s.last().Get("StatusCallback")
		for range 2 {
			if rec := w.ask(status, url.Values{"CallSid": {"CA00000000000000000000000000000001"}, "CallStatus": {"no-answer"}}, authToken); rec.Code != http.StatusNoContent {
				t.Errorf("status: %d", rec.Code)
			}
		}
		voice := s.last().Get("Url")
		if body := w.ask(voice, url.Values{"CallSid": {"CA00000000000000000000000000000001"}, "Digits": {"1"}}, authToken).Body.String(); digits.MatchString(body) {
			t.Errorf("after the call the voice says %s", body)
		}
		must(t, w.SendCode(t.Context(), visitor, f, byCall))
	})
}

// TestLostText: a number the service cannot reach, at once or by what it tells later, is said to be so when a code is asked
// for again; another way stays open, and after a quarter of an hour this one too.
func TestLostText(t *testing.T) {
	t.Run("refused", func(t *testing.T) {
		lostText(t, []answer{{status: 400, code: 21614}}, func(*twilio, *world) {})
	})
	t.Run("undelivered", func(t *testing.T) {
		lostText(t, nil, func(s *twilio, w *world) {
			for _, state := range []string{"sent", "undelivered", "delivered", "undelivered"} { // late and twice
				w.ask(s.last().Get("StatusCallback"), url.Values{"MessageSid": {"SM00000000000000000000000000000001"}, "MessageStatus": {state}}, authToken)
			}
		})
	})
}

func lostText(t *testing.T, answers []answer, lose func(s *twilio, w *world)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newTwilio(t)
		s.answers = answers
		w := newWorldBy(t, d, s.client())
		w.start()
		f := w.beginNew()
		must(t, w.SendCode(t.Context(), visitor, f, toCell))
		must(t, w.jobs.Wait(t.Context()))
		lose(s, w)
		err := w.SendCode(t.Context(), visitor, f, toCell)
		if got := fault.From(err).For("method"); got != "We could not reach that number. Check it or choose another way." {
			t.Errorf("%v %q", err, got)
		}
		must(t, w.SendCode(t.Context(), visitor, f, byCall))
		w.clock.Advance(16 * time.Minute)
		must(t, w.SendCode(t.Context(), visitor, f, toCell))
	})
}

// TestTwilioInTrouble: a service that is slow, busy, down or locked lets nobody in; the same code goes out when it is back,
// and the log has neither code nor number.
func TestTwilioInTrouble(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newTwilio(t)
		s.answers = []answer{{status: 429, code: 20429}, {status: 500}, {status: 503}, {status: 401, code: 20003}, {wait: 30 * time.Millisecond}}
		w := newWorldBy(t, d, s.client())
		w.start()
		f := w.beginNew()
		must(t, w.SendCode(t.Context(), visitor, f, toCell))
		must(t, w.jobs.Wait(t.Context()))
		first, last := s.forms[0].Get("Body"), s.last().Get("Body")
		if len(s.forms) != 5 || first != last || !strings.Contains(last, "@portal.example #") {
			t.Fatalf("%d requests, %q, then %q", len(s.forms), first, last)
		}
		if err := w.CheckCode(t.Context(), visitor, f, "000000"); err == nil {
			t.Error("somebody got in because the service was in trouble")
		}
		_, code, _ := strings.Cut(last, "#")
		must(t, w.CheckCode(t.Context(), visitor, f, code))
		for _, form := range s.forms {
			if form.Get("ValidityPeriod") != "600" || form.Get("StatusCallback") == "" || form.Get("To") != ann.Cell {
				t.Errorf("sent %v", form)
			}
		}
	})
}

// TestWithoutTwilio: where there is no such service its pages do not exist, whatever signature comes.
func TestWithoutTwilio(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	for _, path := range []string{"/twilio/voice/x", "/twilio/status/x"} {
		if rec := w.ask("https://portal.example"+path, url.Values{}, ""); rec.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, rec.Code)
		}
	}
}

// beginNew begins a flow of a new link.
func (w *world) beginNew() verify.Flow {
	w.t.Helper()
	w.link()
	return w.begin("browser")
}
