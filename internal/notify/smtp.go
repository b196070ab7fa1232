package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"strings"
	"time"
	"unicode"

	"github.com/wneessen/go-mail"
	"golang.org/x/net/idna"

	"securepractice/internal/jobs"
)

// How the way to the mail server is protected.
const (
	StartTLS = "starttls" // begins in clear and goes on only under TLS; the default
	FullTLS  = "tls"      // TLS from the first byte
	NoTLS    = "none"     // only to a server on this machine
)

// smtpTimeout bounds reaching the mail server, and then handing over the mail. Both together are less than the time a
// try has, so that its result can still be recorded.
const smtpTimeout = 20 * time.Second

// SMTP hands e-mails to a mail server, one connection each. It carries nothing else.
type SMTP struct {
	Host     string
	Port     int    // 0 is what is usual for TLS
	User     string // empty: no authentication
	Password string
	TLS      string         // StartTLS, FullTLS or NoTLS; empty is StartTLS
	Roots    *x509.CertPool // who may vouch for the server; nil is whom the machine trusts
	Timeout  time.Duration  // of reaching the server, and of handing over the mail; 0 is 20 seconds
}

// Email sends one e-mail. What the server refuses for good (5yz to the receiver or the content, RFC 5321, 4.2.1) wraps
// jobs.ErrDiscard. Everything else may be tried again: a refusal of our own address or password too, because the
// operator can mend that and the notice is still wanted. The error names no address.
func (s SMTP) Email(ctx context.Context, m Mail) error {
	msg, err := compose(m)
	if err != nil {
		return err
	}
	client, err := s.client()
	if err != nil {
		return err
	}
	err = client.DialAndSendWithContext(ctx, msg)
	if msg.IsDelivered() {
		return nil // the server has it: trouble while saying goodbye must not send it twice
	}
	return refused(err)
}

func (s SMTP) client() (*mail.Client, error) {
	timeout := s.Timeout
	if timeout == 0 {
		timeout = smtpTimeout
	}
	o := []mail.Option{mail.WithTimeout(timeout), mail.WithTLSConfig(&tls.Config{ServerName: s.Host, RootCAs: s.Roots, MinVersion: tls.VersionTLS12})}
	switch s.TLS {
	case StartTLS, "":
		o = append(o, mail.WithTLSPortPolicy(mail.TLSMandatory))
	case FullTLS:
		o = append(o, mail.WithSSLPort(false))
	case NoTLS:
		if !loopback(s.Host) {
			return nil, errors.New("notify: a mail server elsewhere needs TLS")
		}
		o = append(o, mail.WithTLSPolicy(mail.NoTLS))
	default:
		return nil, fmt.Errorf("notify: no such protection of SMTP: %q", s.TLS)
	}
	if s.Port != 0 {
		o = append(o, mail.WithPort(s.Port))
	}
	if s.User != "" {
		o = append(o, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(s.User), mail.WithPassword(s.Password))
	}
	c, err := mail.NewClient(s.Host, o...)
	if err != nil {
		return nil, fmt.Errorf("mail server settings: %w", err)
	}
	return c, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// compose writes the e-mail. No value can begin a header of its own: line breaks and other control characters are
// taken out before the library encodes what is left.
func compose(m Mail) (*mail.Msg, error) {
	to, err := address(m.To)
	if err != nil {
		return nil, err
	}
	from, err := address(m.From)
	if err != nil {
		return nil, err
	}
	from.Name = oneLine(m.FromName)
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent())
	msg.FromMailAddress(from)
	msg.ToMailAddress(to)
	msg.Subject(oneLine(m.Subject))
	msg.SetMessageIDWithValue(oneLine(m.MessageID))
	msg.SetDateWithValue(m.At)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no vacation notices, please
	msg.SetBodyString(mail.TypeTextPlain, m.Body)
	return msg, nil
}

// address reads one bare address; its domain goes out in ASCII, which every server understands.
func address(s string) (*netmail.Address, error) {
	a, err := netmail.ParseAddress(s)
	if err != nil || a.Name != "" || a.Address != s {
		return nil, fmt.Errorf("notify: not one address: %w", jobs.ErrDiscard)
	}
	at := strings.LastIndexByte(s, '@')
	domain, err := idna.Lookup.ToASCII(s[at+1:])
	if err != nil {
		return nil, fmt.Errorf("notify: not a domain: %w", jobs.ErrDiscard)
	}
	a.Address = s[:at+1] + domain
	return a, nil
}

func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// refused turns the library's error, whose text names the receiver, into one that may be logged.
func refused(err error) error {
	if err == nil {
		return nil
	}
	var s *mail.SendError
	if !errors.As(err, &s) {
		return fmt.Errorf("reach the mail server: %w", err)
	}
	plain := fmt.Errorf("mail server: %s: answer %d %s", s.Reason, s.ErrorCode(), s.EnhancedStatusCode())
	about := s.Reason == mail.ErrSMTPRcptTo || s.Reason == mail.ErrSMTPData || s.Reason == mail.ErrSMTPDataClose
	if about && s.ErrorCode() >= 500 && s.ErrorCode() < 600 {
		return fmt.Errorf("%w: %w", plain, jobs.ErrDiscard)
	}
	return plain
}
