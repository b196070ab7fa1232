package notify_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"mime"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"securepractice/internal/clock"
	"securepractice/internal/crypt/crypttest"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/jobs"
	"securepractice/internal/notify"
)

// server is a real mail server on this machine that answers as a test wants.
type server struct {
	addr  *net.TCPAddr
	roots *x509.CertPool

	mu      sync.Mutex
	mail    []error // answers to MAIL, RCPT and the end of DATA; then nil
	rcpt    []error
	data    []error
	cut     int           // connections to cut when DATA has been read
	hold    chan struct{} // when set, DATA is answered only after it is closed
	got     [][]byte
	to      []string
	signed  int
	needsTo string // user name that must have authenticated
}

type session struct {
	s      *server
	c      *smtp.Conn
	authed bool
	to     string
}

func pop(list *[]error) error {
	if len(*list) == 0 {
		return nil
	}
	err := (*list)[0]
	*list = (*list)[1:]
	return err
}

func (x *session) Reset()        {}
func (x *session) Logout() error { return nil }

func (x *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (x *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != x.s.needsTo || password != "s3cret" {
			return smtp.ErrAuthFailed
		}
		x.authed = true
		return nil
	}), nil
}

func (x *session) Mail(string, *smtp.MailOptions) error {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	if x.s.needsTo != "" && !x.authed {
		return smtp.ErrAuthRequired
	}
	return pop(&x.s.mail)
}

func (x *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	x.to = to
	return pop(&x.s.rcpt)
}

func (x *session) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if x.s.hold != nil {
		<-x.s.hold
	}
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	x.s.got, x.s.to = append(x.s.got, b), append(x.s.to, x.to)
	if _, ok := x.c.TLSConnectionState(); ok {
		x.s.signed++
	}
	if x.s.cut > 0 {
		x.s.cut--
		_ = x.c.Conn().Close() // the point of the test
		return errors.New("cut")
	}
	return pop(&x.s.data)
}

// serve starts a server; with secure it offers STARTTLS, with full it speaks TLS from the first byte.
func serve(t *testing.T, secure, full bool) *server {
	t.Helper()
	s := &server{}
	srv := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{s: s, c: c}, nil }))
	srv.Domain, srv.ErrorLog, srv.AllowInsecureAuth = "mail.test", discard{}, true
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s.addr, _ = l.Addr().(*net.TCPAddr)
	if secure || full {
		config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{s.certify(t)}}
		srv.TLSConfig = config
		if full {
			l = tls.NewListener(l, config)
		}
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }() // ends with Close
	t.Cleanup(func() { _ = srv.Close(); <-done })
	return s
}

type discard struct{}

func (discard) Printf(string, ...any) {}
func (discard) Println(...any)        {}

// certify makes the server's certificate and whom a client must trust for it.
func (s *server) certify(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	must(t, err)
	parsed, err := x509.ParseCertificate(der)
	must(t, err)
	s.roots = x509.NewCertPool()
	s.roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (s *server) client(protection string) notify.SMTP {
	return notify.SMTP{Host: "127.0.0.1", Port: s.addr.Port, TLS: protection, Roots: s.roots}
}

func letter() notify.Mail {
	return notify.Mail{MessageID: "one@portal.example", From: "notify@portal.example", FromName: "SecurePractice", To: "ann@people.example",
		Subject: "Reset your password", Body: "Guten Tag, Zoë ✓\n\nhttps://portal.example/reset/abc\n.\nafter a lone dot", At: start}
}

func read(t *testing.T, raw []byte) (*netmail.Message, string) {
	t.Helper()
	m, err := netmail.ReadMessage(bytes.NewReader(raw))
	must(t, err)
	body := m.Body
	if m.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
		body = quotedprintable.NewReader(m.Body)
	}
	b, err := io.ReadAll(body)
	must(t, err)
	return m, strings.ReplaceAll(string(b), "\r\n", "\n")
}

func TestSMTPWritesTheMailAsItIs(t *testing.T) {
	s := serve(t, false, false)
	must(t, s.client(notify.NoTLS).Email(t.Context(), letter()))
	m, body := read(t, s.got[0])
	for name, want := range map[string]string{
		"Message-Id": "<one@portal.example>", "Date": "Mon, 23 Nov 2026 17:00:00 +0000", "Auto-Submitted": "auto-generated",
		"From": `"SecurePractice" <notify@portal.example>`, "To": "<ann@people.example>", "Subject": "Reset your password", "Content-Type": "text/plain; charset=UTF-8",
		"X-Mailer": "", "User-Agent": "",
	} {
		if got := m.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if strings.TrimRight(body, "\n") != letter().Body {
		t.Errorf("body %q", body)
	}
}

func TestSMTPHostileValuesBeginNoHeader(t *testing.T) {
	s := serve(t, false, false)
	m := letter()
	m.Subject = "Hello\r\nBcc: eve@evil.example\r\n\r\nbody"
	m.FromName = "Portal\"\r\nX-Evil: 1 <eve@evil.example>,\u2028"
	m.MessageID = "a@b>\r\nX-Evil: 2"
	must(t, s.client(notify.NoTLS).Email(t.Context(), m))
	got, body := read(t, s.got[0])
	if got.Header.Get("Bcc") != "" || got.Header.Get("X-Evil") != "" || strings.TrimRight(body, "\n") != m.Body || len(s.to) != 1 {
		t.Errorf("headers %v to %v", got.Header, s.to)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(got.Header.Get("Subject"))
	must(t, err)
	if subject != "Hello Bcc: eve@evil.example body" {
		t.Errorf("subject %q", subject)
	}
	from, err := got.Header.AddressList("From")
	if err != nil || len(from) != 1 || from[0].Address != "notify@portal.example" {
		t.Errorf("from %v, %v", from, err)
	}
}

func TestSMTPTakesOneBareAddressOnly(t *testing.T) {
	s := serve(t, false, false)
	for _, to := range []string{"", "ann", "a@x.example, b@x.example", "Ann <ann@x.example>", "a@x.example\r\nRCPT TO:<b@x.example>", "<a@x.example>", "a@"} {
		m := letter()
		m.To = to
		if err := s.client(notify.NoTLS).Email(t.Context(), m); !errors.Is(err, jobs.ErrDiscard) {
			t.Errorf("%q: %v", to, err)
		}
	}
	if len(s.got) != 0 {
		t.Error("something was sent")
	}
	m := letter()
	m.To = "zoe@bücher.example"
	must(t, s.client(notify.NoTLS).Email(t.Context(), m))
	if s.to[0] != "zoe@xn--bcher-kva.example" {
		t.Errorf("to %q", s.to[0])
	}
}

func answer(code int, text string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 1, 1}, Message: text}
}

func TestSMTPTellsRefusalsForGoodApart(t *testing.T) {
	for _, c := range []struct {
		name    string
		set     func(*server)
		forGood bool
	}{
		{"receiver unknown", func(s *server) { s.rcpt = []error{answer(550, "no such user ann@people.example")} }, true},
		{"receiver busy", func(s *server) { s.rcpt = []error{answer(450, "later")} }, false},
		{"content refused", func(s *server) { s.data = []error{answer(554, "spam")} }, true},
		{"content later", func(s *server) { s.data = []error{answer(451, "greylisted")} }, false},
		{"our own address refused", func(s *server) { s.mail = []error{answer(550, "who are you")} }, false},
		{"cut after the content", func(s *server) { s.cut = 1 }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, false, false)
			c.set(s)
			err := s.client(notify.NoTLS).Email(t.Context(), letter())
			if err == nil || errors.Is(err, jobs.ErrDiscard) != c.forGood {
				t.Fatalf("err %v, for good %v", err, c.forGood)
			}
			if strings.Contains(err.Error(), "ann@") {
				t.Errorf("the error names the receiver: %v", err)
			}
			must(t, s.client(notify.NoTLS).Email(t.Context(), letter())) // the server is well again
		})
	}
}

func TestSMTPServerAway(t *testing.T) {
	s := notify.SMTP{Host: "127.0.0.1", Port: 1, TLS: notify.NoTLS}
	if err := s.Email(t.Context(), letter()); err == nil || errors.Is(err, jobs.ErrDiscard) {
		t.Errorf("err %v, want one that is tried again", err)
	}
}

// A server that is there and says nothing, at once or after it has read the mail, does not hold a job for ever.
func TestSMTPServerSlow(t *testing.T) {
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0") // takes connections and never speaks
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	mute, _ := l.Addr().(*net.TCPAddr)
	late := serve(t, false, false)
	late.hold = make(chan struct{})
	t.Cleanup(func() { close(late.hold) })
	for name, c := range map[string]notify.SMTP{
		"never speaks":      {Host: "127.0.0.1", Port: mute.Port, TLS: notify.NoTLS},
		"never speaks TLS":  {Host: "127.0.0.1", Port: mute.Port, TLS: notify.FullTLS},
		"silent after DATA": late.client(notify.NoTLS),
	} {
		c.Timeout = 100 * time.Millisecond
		began := time.Now()
		if err := c.Email(t.Context(), letter()); err == nil || errors.Is(err, jobs.ErrDiscard) || time.Since(began) > 10*time.Second {
			t.Errorf("%s: %v after %v, want an error soon that is tried again", name, err, time.Since(began))
		}
	}
}

func TestSMTPProtection(t *testing.T) {
	plain, secure, full := serve(t, false, false), serve(t, true, false), serve(t, false, true)
	for _, c := range []struct {
		name       string
		s          *server
		protection string
		ok         bool
	}{
		{"starttls", secure, notify.StartTLS, true}, {"starttls is the default", secure, "", true}, {"no starttls offered", plain, notify.StartTLS, false},
		{"tls", full, notify.FullTLS, true}, {"tls to a plain server", plain, notify.FullTLS, false}, {"a word nobody knows", plain, "maybe", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := len(c.s.got)
			err := c.s.client(c.protection).Email(t.Context(), letter())
			if (err == nil) != c.ok || c.ok && c.s.signed == 0 || !c.ok && len(c.s.got) != before {
				t.Errorf("err %v, %d mails under TLS", err, c.s.signed)
			}
		})
	}
	t.Run("a server nobody vouches for", func(t *testing.T) {
		c := secure.client(notify.StartTLS)
		c.Roots = x509.NewCertPool()
		if err := c.Email(t.Context(), letter()); err == nil {
			t.Error("sent to a stranger")
		}
	})
	t.Run("none only on this machine", func(t *testing.T) {
		if err := (notify.SMTP{Host: "mail.example", Port: 25, TLS: notify.NoTLS}).Email(t.Context(), letter()); err == nil || errors.Is(err, jobs.ErrDiscard) {
			t.Errorf("err %v", err)
		}
	})
}

func TestSMTPSignsIn(t *testing.T) {
	s := serve(t, true, false)
	s.needsTo = "portal"
	c := s.client(notify.StartTLS)
	c.User, c.Password = "portal", "s3cret"
	must(t, c.Email(t.Context(), letter()))
	c.Password = "wrong"
	err := c.Email(t.Context(), letter())
	if err == nil || errors.Is(err, jobs.ErrDiscard) || strings.Contains(err.Error(), "wrong") {
		t.Errorf("err %v, want one that is tried again and keeps the password to itself", err)
	}
}

// TestNoticeBySMTP: the whole way, with a server that is at first away, then cuts the line, then takes it.
func TestNoticeBySMTP(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := serve(t, false, false)
		s.mail, s.cut = []error{answer(421, "later")}, 1
		now := clock.Fixed(start)
		w := &world{d: d, clock: now, log: &log{}}
		w.jobs = jobs.New(d, slog.New(slog.NewJSONHandler(w.log, nil)))
		w.Service = notify.New(notify.Options{
			DB: d, Keys: crypttest.Keys(t, d), Jobs: w.jobs, Clock: now, From: "notify@portal.example", Product: "SecurePractice", BaseURL: &url.URL{Scheme: "https", Host: "portal.example"},
			Carrier: notify.Carriers{Mailer: s.client(notify.NoTLS), Phone: notify.Outbox{DB: d, Clock: now}}, Backoff: func(int) time.Duration { return time.Millisecond },
		})
		register(w, nil)
		w.Register(notify.Template{Name: "code", Render: func(context.Context, db.Reader, notify.Params) (notify.Content, error) {
			return notify.Content{Body: "204816 is your code", Code: "204816"}, nil
		}})
		w.start(t)
		w.send(t, welcome)
		w.settle(t)
		if len(s.got) != 2 {
			t.Fatalf("the server read %d mails, want one that was cut and one that was not", len(s.got))
		}
		first, _ := read(t, s.got[0])
		second, body := read(t, s.got[1])
		if id := first.Header.Get("Message-Id"); id == "" || id != second.Header.Get("Message-Id") {
			t.Errorf("Message-ID %q, then %q", id, second.Header.Get("Message-Id"))
		}
		if !strings.Contains(body, "Hello "+secret) || w.text(t, "SELECT state FROM notify_message") != "sent" {
			t.Errorf("body %q", body)
		}
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("the log tells what a notice holds:\n%s", w.log)
		}
		w.send(t, notify.Message{Kind: notify.Text, To: "+12065550142", Template: "code"})
		w.send(t, notify.Message{Kind: notify.Call, To: "+12065550142", Template: "code"})
		w.settle(t)
		if n := len(w.outbox(t)); n != 2 {
			t.Errorf("%d notices in the outbox, want the text and the call", n)
		}
	})
}
