package verify

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"

	"securepractice/internal/fault"
	"securepractice/internal/notify"
	"securepractice/internal/web"
)

// MountPhone registers what the phone service asks: what a call says, and what became of a text or a call. signed says
// whether a request comes from the service; nil when there is none, and then these pages do not exist.
func (s *Service) MountPhone(rt *web.Router, signed func(path, signature string, form url.Values) bool) {
	checked := func(h func(http.ResponseWriter, *http.Request, url.Values) error) web.Handler {
		return func(w http.ResponseWriter, r *http.Request) error {
			form, err := web.ReadForm(w, r)
			if err != nil {
				return err
			}
			if signed == nil || !signed(r.URL.RequestURI(), r.Header.Get("X-Twilio-Signature"), form) {
				return fault.ErrNotFound()
			}
			return h(w, r, form)
		}
	}
	rt.Form(web.Public, "/twilio/voice/{id}", checked(s.postVoice))
	rt.Form(web.Public, "/twilio/status/{id}", checked(s.postStatus))
}

// postVoice says what the voice says next.
func (s *Service) postVoice(w http.ResponseWriter, r *http.Request, form url.Values) error {
	speech, err := s.o.Notify.Speak(r.Context(), r.PathValue("id"), form.Get("CallSid"), form.Get("Digits") != "")
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(xml.Header + "<Response>" + script(speech, s.o.Notify.URL(r.URL.Path)) + "<Hangup/></Response>")) // a service that went away calls again
	return nil
}

// postStatus notes what became of a text or a call.
func (s *Service) postStatus(w http.ResponseWriter, r *http.Request, form url.Values) error {
	sid, state := form.Get("MessageSid"), form.Get("MessageStatus")
	if sid == "" {
		sid, state = form.Get("CallSid"), form.Get("CallStatus")
	}
	if err := s.o.Notify.Progress(r.Context(), r.PathValue("id"), sid, state); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// script writes a speech in TwiML: the introduction asks for a key, twice; the code is said slowly, digit by digit, twice.
func script(speech notify.Speech, again string) string {
	say := func(text string) string {
		var b strings.Builder
		_ = xml.EscapeText(&b, []byte(text)) // a strings.Builder takes everything
		return "<Say>" + b.String() + "</Say>"
	}
	switch {
	case speech.Code != "":
		slow := say(strings.Join(strings.Split(speech.Code, ""), `|`))
		slow = strings.ReplaceAll(slow, "|", `</Say><Pause length="1"/><Say>`)
		return say("Your code is:") + slow + `<Pause length="2"/>` + say("Once more:") + slow + say("If you did not ask for a code, hang up.")
	case speech.Intro != "":
		var action strings.Builder
		_ = xml.EscapeText(&action, []byte(again))
		return `<Gather numDigits="1" timeout="10" method="POST" action="` + action.String() + `">` + say(speech.Intro) + `<Pause length="3"/>` + say(speech.Intro) + "</Gather>"
	}
	return say("This code is no longer good. Goodbye.")
}
