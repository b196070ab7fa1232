package account

import (
	"context"

	"securepractice/internal/db"
	"securepractice/internal/notify"
)

// factorWords name a kind of factor in a sentence of a notice.
func factorWords(kind string) string {
	switch kind {
	case factorApp:
		return "An authenticator app"
	case factorPasskey:
		return "A passkey"
	}
	return "A new set of recovery codes"
}

// registerFactorNotices makes the e-mails about second factors known. None of them says more than what was done.
func (s *Service) registerFactorNotices() {
	ifNot := "\n\nIf it was not you, choose a new password at once: " + s.o.Notify.URL("/forgot")
	for name, write := range map[string]func(p notify.Params) notify.Content{
		"account.factor_added": func(p notify.Params) notify.Content {
			return notify.Content{Subject: "A way to sign in was added", Body: factorWords(p["kind"]) + " was just added to your account." + ifNot}
		},
		"account.factor_removed": func(p notify.Params) notify.Content {
			return notify.Content{Subject: "A way to sign in was removed", Body: factorWords(p["kind"]) + " was just removed from your account." + ifNot}
		},
		"account.recovery_used": func(p notify.Params) notify.Content {
			return notify.Content{Subject: "A recovery code was used", Body: "A recovery code of your account was just used. " + p["left"] + " left." + ifNot}
		},
		"account.second_on": func(notify.Params) notify.Content {
			return notify.Content{Subject: "Two-step verification is on", Body: "Two-step verification of your account was just turned on." + ifNot}
		},
		"account.second_off": func(notify.Params) notify.Content {
			return notify.Content{Subject: "Two-step verification is off", Body: "Two-step verification of your account was just turned off." + ifNot}
		},
		"account.new_device": func(notify.Params) notify.Content {
			return notify.Content{Subject: "New sign-in to your account", Body: "Your account was just opened in a browser that we did not know." + ifNot}
		},
	} {
		s.o.Notify.Register(notify.Template{Name: name, Render: func(_ context.Context, _ db.Reader, p notify.Params) (notify.Content, error) { return write(p), nil }})
	}
}

// noticeOf tells a person something by e-mail, in a template that needs more than who they are.
func (s *Service) noticeOf(ctx context.Context, tx *db.Tx, u User, template string, p notify.Params) error {
	return s.o.Notify.Send(ctx, tx, notify.Message{Kind: notify.Email, To: u.Email, Template: template, Params: p, UserID: u.ID, PracticeID: u.PracticeID})
}
