package verify

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/clock"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/limit"
	"securepractice/internal/notify"
)

// What the pages say about codes.
const (
	tooManyCodes   = "Too many codes were sent. Try again in 15 minutes."
	tooManyToday   = "Too many codes were sent today. Try again tomorrow."
	tooManyTries   = "Too many tries. Open the link in your email to start again."
	tooManyNoEmail = "Too many tries. Go back and start again." // for flows that no link began
	expiredCode    = "That code has expired. Select Re-Send Code."
	unreachable    = "We could not reach that number. Check it or choose another way."
)

const codeTemplate = "verify.code"

// Send says where a code goes and in whose name.
type Send struct {
	Method Method
	Name   string // the practice or product the text names
	Field  string // the form field a refusal stands beside
}

// SendCode sends a new code; the old one is dead from here on. It opens its own transaction. Refusals are faults on
// the field; a refused sending leaves the old code as it was.
func (s *Service) SendCode(ctx context.Context, by actor.Actor, f Flow, m Send) error {
	if _, ok := s.ParsePhone(m.Method.To); !ok { // on file from before its sort was refused: texts and calls cost money
		return fault.Field(m.Field, unreachable)
	}
	kind := notify.Text
	if m.Method.Call {
		kind = notify.Call
	}
	if lost, err := s.o.Notify.Lost(ctx, s.o.DB, kind, m.Method.To); err != nil {
		return err
	} else if lost { // another one would be paid for in vain
		return fault.Field(m.Field, unreachable)
	}
	code, err := newCode()
	if err != nil {
		return err
	}
	sealed, err := s.o.Keys.System().Seal("verify_flow", "code_sealed", f.ID, []byte(code))
	if err != nil {
		return fmt.Errorf("seal the code: %w", err)
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		sends, found, err := putCode(ctx, tx, sentCode{
			flow: f.ID, method: m.Method.Value, mac: s.codeMAC(f.ID, code), sealed: sealed, phone: s.o.Keys.MAC("proved number", m.Method.To),
			now: s.now(), expires: clock.Micros(s.o.Clock.Now().Add(s.set.CodeLife)), tries: s.set.Tries,
		})
		if err != nil {
			return fmt.Errorf("store the code: %w", err)
		}
		if !found {
			return fault.Field(m.Field, f.spent())
		}
		if err := s.allow(ctx, tx, by, f, m, sends == 1); err != nil {
			return err
		}
		// The subject is a user or an invitation; this room does not know which, and Support looks by either.
		err = s.o.Notify.Send(ctx, tx, notify.Message{Kind: kind, To: m.Method.To, Template: codeTemplate, UserID: f.Subject, InvitationID: f.Subject,
			Params: notify.Params{"flow": f.ID, "send": strconv.FormatInt(sends, 10), "name": m.Name, "kind": string(kind)}})
		if err != nil {
			return fmt.Errorf("send the code: %w", err)
		}
		return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.CodeSent, SubjectKind: f.Kind, SubjectID: f.Subject, Detail: map[string]string{"method": m.Method.Value}})
	})
}

// spent is what a person reads whose flow stands no more tries.
func (f Flow) spent() string {
	if f.Generation == 0 {
		return tooManyNoEmail
	}
	return tooManyTries
}

// counted is one limit a code falls under.
type counted struct {
	rule limit.Rule
	key  string
	text string
}

// allow counts a code against every limit it falls under. The counter that all codes share comes last, so that it is
// locked for the shortest time.
func (s *Service) allow(ctx context.Context, tx *db.Tx, by actor.Actor, f Flow, m Send, first bool) error {
	const day = 24 * time.Hour
	rules := []counted{
		{limit.Rule{Name: "codes a flow", Max: s.set.CodesPerFlow, Window: 15 * time.Minute}, f.ID, tooManyCodes},
		{limit.Rule{Name: "codes a number", Max: s.set.CodesPerPhone, Window: day}, m.Method.To, tooManyToday},
		{limit.Rule{Name: "codes a person", Max: 2 * s.set.CodesPerPhone, Window: day}, f.Subject, tooManyToday},
		{limit.Rule{Name: "codes an address", Max: s.set.CodesPerIP, Window: day}, by.IP, tooManyToday},
	}
	if first && f.Generation > 0 { // a flow counts against its link when its first code leaves, not when a page is opened
		link := f.Kind + " " + f.Subject + " " + strconv.FormatInt(f.Generation, 10)
		rules = append(rules, counted{limit.Rule{Name: "flows a link", Max: s.set.FlowsPerLink, Window: day}, link, tooManyToday})
	}
	rules = append(rules, counted{limit.Rule{Name: "codes a country", Max: s.set.CodesPerCountry, Window: day}, country(m.Method.To), tooManyToday})
	rules = append(rules, counted{limit.Rule{Name: "codes a day", Max: s.set.CodesPerDay, Window: day}, "", tooManyToday})
	for _, r := range rules {
		ok, err := s.o.Limit.Allow(ctx, tx, r.rule, r.key)
		if err != nil {
			return err
		}
		if !ok {
			return fault.Field(m.Field, r.text)
		}
	}
	return nil
}

func newCode() (string, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return "", fmt.Errorf("make a code: %w", err)
	}
	return fmt.Sprintf("%06d", n.Int64()), nil
}

func (s *Service) codeMAC(flow, code string) []byte { return s.o.Keys.MAC("flow code", flow, code) }

// tidyCode drops what people put between the digits.
func tidyCode(code string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -–()\u00a0", r) {
			return -1
		}
		return r
	}, code)
}

func sixDigits(code string) bool {
	if len(code) != 6 {
		return false
	}
	_, err := strconv.ParseUint(code, 10, 32)
	return err == nil
}

// CheckCode confirms the code of a flow. The try is counted and stored first, whatever comes of it. Refusals are
// faults on field "code". It opens its own transaction.
func (s *Service) CheckCode(ctx context.Context, by actor.Actor, f Flow, code string) error {
	code = tidyCode(code)
	if code == "" {
		return fault.Field("code", "Enter the secret code")
	}
	if !sixDigits(code) {
		return fault.Field("code", "The code must be 6 numbers")
	}
	var refused error
	err := s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		refused = nil
		t, found, err := countTry(ctx, tx, f.ID, s.now(), s.set.Tries)
		if err != nil {
			return fmt.Errorf("count the try: %w", err)
		}
		if !found {
			refused = fault.Field("code", f.spent())
			return nil
		}
		if refused = s.judge(f, t, code); refused == nil {
			return confirmPhone(ctx, tx, f.ID, s.now())
		}
		if t.tries >= s.set.Tries {
			refused = fault.Field("code", f.spent())
			if err := endFlow(ctx, tx, f.ID, "tries"); err != nil {
				return fmt.Errorf("end the flow: %w", err)
			}
		}
		return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.CodeRefused, Outcome: audit.Refused, SubjectKind: f.Kind, SubjectID: f.Subject, Detail: map[string]string{"tries": strconv.FormatInt(t.tries, 10)}})
	})
	if err != nil { // the try was not stored, so nothing may be said of the code
		return err
	}
	return refused
}

// judge compares a code that has been counted.
func (s *Service) judge(f Flow, t try, code string) error {
	if t.mac == nil || t.expiresAt <= s.now() {
		return fault.Field("code", expiredCode)
	}
	if !s.o.Keys.Equal(t.mac, "flow code", f.ID, code) {
		return fault.Field("code", notRight(s.set.Tries-t.tries))
	}
	return nil
}

// notRight says how many tries are left after a wrong code.
func notRight(left int64) string {
	word := " tries left."
	if left == 1 {
		word = " try left."
	}
	return "That code is not right. You have " + strconv.FormatInt(left, 10) + word
}

// renderCode writes the text or the call. An older code than the flow's last is not sent any more.
func (s *Service) renderCode(ctx context.Context, r db.Reader, p notify.Params) (notify.Content, error) {
	sends, err := strconv.ParseInt(p["send"], 10, 64)
	if err != nil {
		return notify.Content{}, fmt.Errorf("code notice: %w", err)
	}
	sealed, found, err := waitingCode(ctx, r, p["flow"], sends, s.now())
	if err != nil {
		return notify.Content{}, err
	}
	if !found {
		return notify.Content{}, notify.ErrDrop
	}
	plain, err := s.o.Keys.System().Open("verify_flow", "code_sealed", p["flow"], sealed)
	if err != nil {
		return notify.Content{}, fmt.Errorf("open the code: %w", err)
	}
	code := string(plain)
	if p["kind"] == string(notify.Call) {
		return notify.Content{Intro: callIntro(p["name"]), Body: callScript(p["name"], code), Code: code}, nil
	}
	// The last line binds the code to our host: phones fill it in nowhere else.
	return notify.Content{Body: code + " is your " + p["name"] + " security code\n\n@" + s.o.Notify.Host() + " #" + code, Code: code}, nil
}

// callIntro is what a call begins with.
func callIntro(name string) string {
	return "This is " + name + " with your secret code. Press any key to hear it."
}

// callScript is all that the voice says, and when.
func callScript(name, code string) string {
	digits := strings.Join(strings.Split(code, ""), " . ")
	return callIntro(name) + "\n[after a key] Your code is: " + digits +
		".\nOnce more: " + digits + ".\nIf you did not ask for a code, hang up."
}

// codeSent wipes the readable code once its notice has left.
func (s *Service) codeSent(ctx context.Context, tx *db.Tx, p notify.Params) error {
	sends, err := strconv.ParseInt(p["send"], 10, 64)
	if err != nil {
		return fmt.Errorf("code notice: %w", err)
	}
	return wipeCode(ctx, tx, p["flow"], sends)
}
