package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Twilio signs with HMAC-SHA1; as a keyed hash it is sound
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"securepractice/internal/jobs"
)

// twilioTimeout bounds one request to Twilio; it is less than the time a try has, so that its result can be recorded.
const twilioTimeout = 15 * time.Second

// answerMost is how much of Twilio's answer is read, in bytes. An answer of theirs has about one thousand.
const answerMost = 64 << 10

// Twilio hands texts and calls to Twilio's REST API (version 2010-04-01).
//
// Twilio has no way to name a request so that it is done once: when the answer to one is lost, the next try may send the
// text a second time. It is the same text with the same code, so that nobody is led astray by it.
type Twilio struct {
	Account string // SID of the account, AC…
	Token   string // its auth token; it also signs Twilio's requests to us
	From    string // number in E.164 that calls come from, and texts when Service is empty
	Service string // SID of a messaging service, MG…, that sends the texts; empty: From does
	API     string // address of the API; empty is Twilio's
	Back    string // the portal's address, where Twilio asks what to say and tells what became of it
	HTTP    *http.Client
}

// voicePath and statusPath are where Twilio comes to; the notice's id follows.
const (
	voicePath  = "/twilio/voice/"
	statusPath = "/twilio/status/"
)

// textLife is for how long Twilio may keep a text that it cannot deliver yet, in seconds: as long as a code lives.
const textLife = 600

// ringTime is for how long a call rings, in seconds: not so long that an answering machine takes it.
const ringTime = 25

// Text sends a text message.
func (t Twilio) Text(ctx context.Context, o Out) (Handed, error) {
	form := url.Values{"To": {o.To}, "Body": {o.Body}, "StatusCallback": {t.Back + statusPath + o.ID}, "ValidityPeriod": {strconv.Itoa(textLife)}}
	if t.Service != "" {
		form.Set("MessagingServiceSid", t.Service)
	} else {
		form.Set("From", t.From)
	}
	sid, err := t.post(ctx, "Messages.json", form)
	return Handed{ProviderID: sid}, err
}

// Call has Twilio call a number. What is said is fetched from us when somebody has picked up, so that no code leaves
// with the request.
func (t Twilio) Call(ctx context.Context, o Out) (Handed, error) {
	sid, err := t.post(ctx, "Calls.json", url.Values{"To": {o.To}, "From": {t.From}, "Url": {t.Back + voicePath + o.ID}, "Method": {http.MethodPost},
		"StatusCallback": {t.Back + statusPath + o.ID}, "Timeout": {strconv.Itoa(ringTime)}})
	return Handed{ProviderID: sid, Fetched: true}, err
}

// post makes one resource and returns its SID.
func (t Twilio) post(ctx context.Context, resource string, form url.Values) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, twilioTimeout)
	defer cancel()
	api := t.API
	if api == "" {
		api = "https://api.twilio.com"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, api+"/2010-04-01/Accounts/"+url.PathEscape(t.Account)+"/"+resource, strings.NewReader(form.Encode()))
	if err != nil {
		return "", errors.New("twilio: the address of its API is wrong")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(t.Account, t.Token)
	client := t.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	r, err := client.Do(req)
	if err != nil {
		var why *url.Error
		if errors.As(err, &why) {
			err = why.Err // without the address, which holds the account
		}
		return "", fmt.Errorf("twilio: %w", err)
	}
	defer func() { _ = r.Body.Close() }() // it was read, or is of no use
	return readAnswer(r)
}

// readAnswer takes the SID of what was made, or says why nothing was. Errors hold numbers only: Twilio's sentences repeat
// the phone number.
func readAnswer(r *http.Response) (string, error) {
	b, err := io.ReadAll(io.LimitReader(r.Body, answerMost))
	if err != nil {
		return "", fmt.Errorf("twilio: read its answer: %w", err)
	}
	var answer struct {
		SID  string `json:"sid"`
		Code int    `json:"code"`
	}
	if err := json.Unmarshal(b, &answer); err != nil && r.StatusCode < 300 {
		return "", errors.New("twilio: an answer that is no JSON")
	}
	if r.StatusCode < 300 {
		return answer.SID, nil
	}
	err = fmt.Errorf("twilio: status %d, code %d", r.StatusCode, answer.Code)
	if slices.Contains(unreachable, answer.Code) {
		err = errors.Join(err, jobs.ErrDiscard)
	}
	return "", err
}

// unreachable are Twilio's codes for numbers that no try will ever reach: not a number, not allowed there, a receiver who
// has opted out, a landline that takes no texts. Everything else may pass, or can be mended by the operator.
var unreachable = []int{13223, 13224, 13225, 13226, 21211, 21214, 21215, 21217, 21408, 21421, 21601, 21610, 21612, 21614, 21635}

// Signed says whether a request comes from Twilio: its signature over our address and the form, by the account's token.
// See "Security" of Twilio's documentation.
func (t Twilio) Signed(path, signature string, form url.Values) bool {
	mac := hmac.New(sha1.New, []byte(t.Token))
	mac.Write([]byte(t.Back + path))
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range form[name] {
			mac.Write([]byte(name + value))
		}
	}
	got, err := base64.StdEncoding.DecodeString(signature)
	return err == nil && t.Token != "" && hmac.Equal(got, mac.Sum(nil))
}
