package account

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"image/color"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/boombuler/barcode/qr"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"securepractice/internal/actor"
	"securepractice/internal/clock"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/limit"
	"securepractice/internal/verify"
)

// The parameters of RFC 6238 that every authenticator app knows.
const (
	appPeriod = 30 // seconds a code is shown
	appSkew   = 1  // steps before and after that are taken too, for clocks that differ
	appSecret = 20 // bytes
)

// AppSetup is what an authenticator app needs to be set up.
type AppSetup struct {
	Secret string // base32, in groups of four, for typing
	QR     QR
}

func appCeremony(u User, browser string) ceremony {
	return ceremony{kind: factorApp, browser: browser, userID: u.ID, ownerID: factorOwner(u)}
}

// BeginApp makes the secret of a new authenticator app. It counts only once FinishApp has seen a code of it.
func (s *Service) BeginApp(ctx context.Context, by actor.Actor, browser string) error {
	key, err := totp.Generate(totp.GenerateOpts{Issuer: s.o.Notify.Product(), AccountName: by.Email, SecretSize: appSecret})
	if err != nil {
		return fmt.Errorf("make an app's secret: %w", err)
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		u, err := s.holdConfirmed(ctx, tx, by)
		if err != nil {
			return err
		}
		return s.putCeremony(ctx, tx, appCeremony(u, browser), []byte(key.Secret()))
	})
}

// App is the setup that this browser has begun; found is false when there is none.
func (s *Service) App(ctx context.Context, by actor.Actor, browser string) (a AppSetup, found bool, err error) {
	u, err := s.Find(ctx, s.o.DB, by.ID)
	if err != nil {
		return a, false, err
	}
	secret, found, err := s.seeCeremony(ctx, s.o.DB, appCeremony(u, browser))
	if err != nil || !found {
		return a, false, err
	}
	a.QR, err = drawQR(s.appURL(u, string(secret)))
	a.Secret = grouped(string(secret))
	return a, true, err
}

// appURL is the address that a QR code tells an app.
func (s *Service) appURL(u User, secret string) string {
	issuer := s.o.Notify.Product()
	q := url.Values{"secret": {secret}, "issuer": {issuer}, "algorithm": {"SHA1"}, "digits": {"6"}, "period": {strconv.Itoa(appPeriod)}}
	return "otpauth://totp/" + url.PathEscape(issuer+":"+u.Email) + "?" + strings.ReplaceAll(q.Encode(), "+", "%20")
}

func grouped(secret string) string {
	var b strings.Builder
	for i, c := range secret {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// FinishApp adds the app whose setup this browser has begun, when the code is of it. An app that was there before is
// replaced: there is one. The code is used up by it.
func (s *Service) FinishApp(ctx context.Context, by actor.Actor, browser, code string) error {
	code, err := appCode(code)
	if err != nil {
		return err
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		u, err := s.holdConfirmed(ctx, tx, by)
		if err != nil {
			return err
		}
		c := appCeremony(u, browser)
		secret, found, err := s.seeCeremony(ctx, tx, c)
		if err != nil {
			return err
		}
		if !found {
			return s.appAgain(ctx, tx, u, code)
		}
		step, right, err := s.stepOf(string(secret), code)
		if err != nil {
			return err
		}
		if !right {
			return fault.Field("app_code", "That code is not right. Enter the one that your app shows now.")
		}
		if err := s.replaceApp(ctx, tx, by, u); err != nil {
			return err
		}
		if _, _, err := deleteCeremony(ctx, tx, c, s.ceremonyMAC(c), clock.Micros(s.o.Clock.Now())); err != nil {
			return fmt.Errorf("end the setup: %w", err)
		}
		return s.addFactor(ctx, tx, by, u, factorRow{userID: u.ID, id: db.NewID(), kind: factorApp, name: "Authenticator app", ownerID: factorOwner(u), counter: step}, secret)
	})
}

// appAgain answers for a setup that is not under way: what was just done by the same form is done, anything else has to
// begin again.
func (s *Service) appAgain(ctx context.Context, tx *db.Tx, u User, code string) error {
	gone := fault.New(fault.Conflict, "This took too long, or was already done in another window. Go back to Security to start again.")
	app, found, err := findApp(ctx, tx, u.ID)
	if err != nil {
		return fmt.Errorf("find the app: %w", err)
	}
	if !found {
		return gone
	}
	secret, err := s.openFactor(ctx, tx, app)
	if err != nil {
		return err
	}
	if step, right, err := s.stepOf(string(secret), code); err != nil || !right || step != app.counter {
		return errors.Join(err, gone)
	}
	return nil
}

// replaceApp removes the app there is.
func (s *Service) replaceApp(ctx context.Context, tx *db.Tx, by actor.Actor, u User) error {
	old, found, err := findApp(ctx, tx, u.ID)
	if err != nil {
		return fmt.Errorf("find the app: %w", err)
	}
	if !found {
		return nil
	}
	if _, _, err := deleteFactor(ctx, tx, u.ID, old.id); err != nil {
		return fmt.Errorf("replace the app: %w", err)
	}
	return s.factorChanged(ctx, tx, by, u, factorApp, false)
}

// appCode tidies a typed code and refuses what cannot be one.
func appCode(code string) (string, error) {
	code = strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -\u00a0", r) {
			return -1
		}
		return r
	}, code)
	if code == "" {
		return "", fault.Field("app_code", "Enter the code from your authenticator app")
	}
	if _, err := strconv.ParseUint(code, 10, 32); err != nil || len(code) != 6 {
		return "", fault.Field("app_code", "The code must be 6 numbers")
	}
	return code, nil
}

// stepOf finds the time step a code belongs to, among the present one and its neighbours.
func (s *Service) stepOf(secret, code string) (step int64, right bool, err error) {
	now := s.o.Clock.Now().Unix() / appPeriod
	for n := now - appSkew; n <= now+appSkew; n++ {
		want, err := totp.GenerateCodeCustom(secret, time.Unix(n*appPeriod, 0), totp.ValidateOpts{Period: appPeriod, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return 0, false, fmt.Errorf("make an app's code: %w", err)
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			step, right = n, true // the newest that fits: it uses up the older ones
		}
	}
	return step, right, nil
}

// proveByApp passes a flow's code step by an authenticator app.
func (s *Service) proveByApp(ctx context.Context, by actor.Actor, u User, f verify.Flow, typed string) error {
	code, err := appCode(typed)
	if err != nil {
		return err
	}
	return s.o.Verify.Prove(ctx, by, f, verify.Proof{Method: byApp, Field: "app_code", Check: func(ctx context.Context, tx *db.Tx) (bool, error) {
		if err := s.countGuess(ctx, tx, u); err != nil {
			return false, err
		}
		app, found, err := findApp(ctx, tx, u.ID)
		if err != nil || !found {
			return false, err
		}
		secret, err := s.openFactor(ctx, tx, app)
		if err != nil {
			return false, err
		}
		step, right, err := s.stepOf(string(secret), code)
		if err != nil || !right {
			return false, err
		}
		return useStep(ctx, tx, app, step, clock.Micros(s.o.Clock.Now()))
	}})
}

// countGuess bounds what can be guessed of a person's app and recovery codes in new flows, one after the other.
func (s *Service) countGuess(ctx context.Context, tx *db.Tx, u User) error {
	ok, err := s.o.Limit.Allow(ctx, tx, limit.Rule{Name: "second steps a person", Max: s.set.SecondTries, Window: 24 * time.Hour}, u.ID)
	if err != nil || ok {
		return err
	}
	return fault.New(fault.TooMany, "Too many tries today. Choose another way, or try again tomorrow.")
}

// QR is a code to draw: an SVG path of unit squares in a box of Size units, the quiet margin included.
type QR struct {
	Size int
	Path string
}

// quiet is the margin that scanners need, in squares.
const quiet = 4

func drawQR(text string) (QR, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return QR{}, fmt.Errorf("draw a QR code: %w", err)
	}
	n := code.Bounds().Dx()
	var b strings.Builder
	for y := range n {
		for x := range n {
			if code.At(x, y) == color.Black {
				fmt.Fprintf(&b, "M%d %dh1v1h-1z", x+quiet, y+quiet)
			}
		}
	}
	return QR{Size: n + 2*quiet, Path: b.String()}, nil
}
