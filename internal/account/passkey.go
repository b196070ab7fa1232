package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"unicode/utf8"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"securepractice/internal/actor"
	"securepractice/internal/clock"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/notify"
	"securepractice/internal/practice"
	"securepractice/internal/verify"
)

// The kinds of a passkey's ceremonies. A challenge of one is no answer to another.
const (
	ceremonyAdd    = "passkey add"
	ceremonySignIn = "passkey sign-in"
	ceremonyProof  = "passkey proof"
)

// PasskeyWrong is what every refused passkey is told, whatever the reason.
const PasskeyWrong = "That passkey did not work. Try again, or choose another way."

func passkeyWrong() error { return fault.New(fault.Invalid, PasskeyWrong) }

// relyingParty is this portal as passkeys know it: by its host name, its origin, and always with the person verified.
// Nil when the address has no name that a passkey can be bound to. Addresses of this machine count as localhost.
func relyingParty(n *notify.Service) *webauthn.WebAuthn {
	host, origins := n.Host(), []string{n.URL("")}
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		origins = append(origins, strings.Replace(n.URL(""), host, "localhost", 1))
		host = "localhost"
	}
	rp, err := webauthn.New(&webauthn.Config{RPID: host, RPDisplayName: n.Product(), RPOrigins: origins, AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired},
		// Some password managers answer extensions that nobody asked for; nothing here reads them.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore})
	if err != nil || protocol.ValidateRPID(host) != nil {
		return nil
	}
	return rp
}

// PasskeyHost is the host name that passkeys are bound to, "" when there can be none.
func (s *Service) PasskeyHost() string {
	if s.rp == nil {
		return ""
	}
	return s.rp.Config.RPID
}

// holder is a person as the library asks for one. The handle that passkeys keep is the account's id: no address.
type holder struct {
	u    User
	keys []webauthn.Credential
}

func (h holder) WebAuthnID() []byte                         { return []byte(h.u.ID) }
func (h holder) WebAuthnName() string                       { return h.u.Email }
func (h holder) WebAuthnDisplayName() string                { return h.u.Name() }
func (h holder) WebAuthnCredentials() []webauthn.Credential { return h.keys }

// holderOf reads a person's passkeys.
func (s *Service) holderOf(ctx context.Context, r db.Reader, u User) (holder, error) {
	rows, err := listPasskeys(ctx, r, u.ID)
	if err != nil {
		return holder{}, fmt.Errorf("list passkeys: %w", err)
	}
	h := holder{u: u}
	for _, row := range rows {
		c, err := s.credential(ctx, r, row)
		if err != nil {
			return holder{}, err
		}
		h.keys = append(h.keys, c)
	}
	return h, nil
}

// credential opens a passkey's record. What signs in is what was added: the record is sealed to its person and row.
func (s *Service) credential(ctx context.Context, r db.Reader, row factorRow) (c webauthn.Credential, err error) {
	plain, err := s.openFactor(ctx, r, row)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(plain, &c); err != nil {
		return c, fmt.Errorf("read a passkey: %w", err)
	}
	return c, nil
}

func (s *Service) noPasskeys() error {
	if s.rp == nil {
		return fault.ErrNotFound()
	}
	return nil
}

// BeginPasskey gives the options by which the actor's browser makes a passkey.
func (s *Service) BeginPasskey(ctx context.Context, by actor.Actor, browser string) (o *protocol.CredentialCreation, err error) {
	if err := s.noPasskeys(); err != nil {
		return nil, err
	}
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		u, err := s.holdConfirmed(ctx, tx, by)
		if err != nil {
			return err
		}
		h, err := s.holderOf(ctx, tx, u)
		if err != nil {
			return err
		}
		if len(h.keys) >= maxPasskeys {
			return fault.New(fault.Invalid, "You have as many passkeys as an account can hold. Remove one first.")
		}
		var have []protocol.CredentialDescriptor
		for _, k := range h.keys {
			have = append(have, k.Descriptor())
		}
		options, session, err := s.rp.BeginRegistration(h, webauthn.WithExclusions(have))
		if err != nil {
			return fmt.Errorf("begin a passkey: %w", err)
		}
		o = options
		return s.keepSession(ctx, tx, ceremony{kind: ceremonyAdd, browser: browser, userID: u.ID, ownerID: factorOwner(u)}, session)
	})
	return o, err
}

func (s *Service) keepSession(ctx context.Context, tx *db.Tx, c ceremony, session *webauthn.SessionData) error {
	data, err := json.Marshal(session)
	if err != nil {
		return fmt.Errorf("keep a challenge: %w", err)
	}
	return s.putCeremony(ctx, tx, c, data)
}

// takeSession gives the challenge this browser was asked to sign, once.
func (s *Service) takeSession(ctx context.Context, c ceremony) (session webauthn.SessionData, err error) {
	data, found, err := s.takeCeremony(ctx, c)
	if err != nil {
		return session, err
	}
	if !found {
		return session, passkeyWrong()
	}
	if err := json.Unmarshal(data, &session); err != nil {
		return session, fmt.Errorf("read a challenge: %w", err)
	}
	return session, nil
}

// FinishPasskey adds the passkey that the actor's browser has made, under a name of their own.
func (s *Service) FinishPasskey(ctx context.Context, by actor.Actor, browser, name string, answer []byte) error {
	name = practice.OneLine(name)
	switch {
	case s.rp == nil:
		return fault.ErrNotFound()
	case name == "":
		return fault.Field("passkey_name", "Enter a name for this passkey")
	case utf8.RuneCountInString(name) > maxFactorName:
		return fault.Field("passkey_name", "The name must be 60 characters or fewer")
	}
	u, err := s.Find(ctx, s.o.DB, by.ID)
	if err != nil {
		return err
	}
	session, err := s.takeSession(ctx, ceremony{kind: ceremonyAdd, browser: browser, userID: u.ID, ownerID: factorOwner(u)})
	if err != nil {
		return err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return passkeyWrong()
	}
	made, err := s.rp.CreateCredential(holder{u: u}, session, parsed)
	if err != nil {
		return passkeyWrong()
	}
	record, err := json.Marshal(made)
	if err != nil {
		return fmt.Errorf("keep a passkey: %w", err)
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		u, err := s.holdConfirmed(ctx, tx, by)
		if err != nil {
			return err
		}
		return s.addFactor(ctx, tx, by, u, factorRow{userID: u.ID, id: db.NewID(), kind: factorPasskey, name: name, ownerID: factorOwner(u),
			credential: credentialHash(made.ID), counter: int64(made.Authenticator.SignCount)}, record)
	})
}

// beginProof gives the options by which a person proves themselves with one of their passkeys in a flow.
func (s *Service) beginProof(ctx context.Context, u User, browser string) (o *protocol.CredentialAssertion, err error) {
	if err := s.noPasskeys(); err != nil {
		return nil, err
	}
	h, err := s.holderOf(ctx, s.o.DB, u)
	if err != nil {
		return nil, err
	}
	if len(h.keys) == 0 {
		return nil, passkeyWrong()
	}
	options, session, err := s.rp.BeginLogin(h)
	if err != nil {
		return nil, fmt.Errorf("begin a proof: %w", err)
	}
	return options, s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		return s.keepSession(ctx, tx, ceremony{kind: ceremonyProof, browser: browser, userID: u.ID, ownerID: factorOwner(u)}, session)
	})
}

// proveByPasskey passes a flow's code step by a passkey.
func (s *Service) proveByPasskey(ctx context.Context, by actor.Actor, u User, f verify.Flow, browser string, answer []byte) error {
	if err := s.noPasskeys(); err != nil {
		return err
	}
	session, err := s.takeSession(ctx, ceremony{kind: ceremonyProof, browser: browser, userID: u.ID, ownerID: factorOwner(u)})
	if err != nil {
		return err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return passkeyWrong()
	}
	err = s.o.Verify.Prove(ctx, by, f, verify.Proof{Method: byPasskey, Field: "passkey", Check: func(ctx context.Context, tx *db.Tx) (bool, error) {
		h, err := s.holderOf(ctx, tx, u)
		if err != nil {
			return false, err
		}
		signed, err := s.rp.ValidateLogin(h, session, parsed)
		if err != nil {
			return false, nil //nolint:nilerr // a signature that is not right is an answer, not a failure
		}
		return s.usePasskey(ctx, tx, u, signed)
	}})
	if f := fault.From(err); f.Kind == fault.Invalid && len(f.Fields) > 0 { // no code was typed whose tries could be named
		return passkeyWrong()
	}
	return err
}

// usePasskey stores a passkey's record after it has signed; false when it is not this person's, may be a copy, or has
// signed something else meanwhile.
func (s *Service) usePasskey(ctx context.Context, tx *db.Tx, u User, signed *webauthn.Credential) (bool, error) {
	row, found, err := findPasskey(ctx, tx, u.ID, credentialHash(signed.ID))
	if err != nil || !found || signed.Authenticator.CloneWarning {
		return false, err
	}
	record, err := json.Marshal(signed)
	if err != nil {
		return false, fmt.Errorf("keep a passkey: %w", err)
	}
	sealed, err := s.sealFactor(ctx, tx, row, record)
	if err != nil {
		return false, err
	}
	return usePasskey(ctx, tx, row, sealed, int64(signed.Authenticator.SignCount), clock.Micros(s.o.Clock.Now()))
}

// BeginPasskeySignIn gives the options by which anybody's passkey may sign in: they name nobody.
func (s *Service) BeginPasskeySignIn(ctx context.Context, by actor.Actor, browser string) (*protocol.CredentialAssertion, error) {
	if err := s.noPasskeys(); err != nil {
		return nil, err
	}
	options, session, err := s.rp.BeginDiscoverableLogin()
	if err != nil {
		return nil, fmt.Errorf("begin a sign-in: %w", err)
	}
	return options, s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if err := s.countSignIn(ctx, tx, by); err != nil {
			return err
		}
		return s.keepSession(ctx, tx, ceremony{kind: ceremonySignIn, browser: browser}, session)
	})
}

// PasskeySignIn is what the button on the sign-in page sends.
type PasskeySignIn struct {
	Browser, Device, Next string
	Answer                []byte
}

// SignInByPasskey signs in without a password: the passkey has verified its person, so that it is both steps. What
// stands before every session (an expired password, new terms) stands before this one too. Support signs in by its
// own form only.
func (s *Service) SignInByPasskey(ctx context.Context, by actor.Actor, in PasskeySignIn) (e Entry, err error) {
	if err := s.noPasskeys(); err != nil {
		return Entry{}, err
	}
	session, err := s.takeSession(ctx, ceremony{kind: ceremonySignIn, browser: in.Browser})
	if err != nil {
		return Entry{}, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(in.Answer)
	if err != nil {
		return Entry{}, passkeyWrong()
	}
	u, signed, err := s.whoSigned(ctx, session, parsed)
	if err != nil {
		return Entry{}, s.refusePasskey(ctx, by, u, err)
	}
	e, err = s.acceptPasskey(ctx, by, u, signed, in)
	if errors.Is(err, errPasskey) {
		err = s.refusePasskey(ctx, by, u, err)
	}
	return e, err
}

// errPasskey says that a passkey was refused.
var errPasskey = errors.New("account: the passkey was refused")

// whoSigned finds whose passkey has signed the challenge. The answer names its person and itself; both must be on file
// together.
func (s *Service) whoSigned(ctx context.Context, session webauthn.SessionData, parsed *protocol.ParsedCredentialAssertionData) (u User, signed *webauthn.Credential, err error) {
	var broken error // of ours, not of the answer
	_, signed, err = s.rp.ValidatePasskeyLogin(func(raw, handle []byte) (webauthn.User, error) {
		if !isID(string(handle)) {
			return nil, errPasskey
		}
		row, found, err := findPasskey(ctx, s.o.DB, string(handle), credentialHash(raw))
		if err != nil || !found {
			broken = err
			return nil, errPasskey
		}
		if u, err = s.Find(ctx, s.o.DB, row.userID); err != nil {
			broken = err
			return nil, errPasskey
		}
		c, err := s.credential(ctx, s.o.DB, row)
		broken = err
		return holder{u: u, keys: []webauthn.Credential{c}}, err
	}, session, parsed)
	if broken != nil {
		return u, nil, fmt.Errorf("find a passkey: %w", broken)
	}
	if err != nil {
		return u, nil, errPasskey
	}
	return u, signed, nil
}
