package web

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"securepractice/internal/ui"
)

// Lives of the cookies that outlast one answer. The session's own life is the server's to decide.
const (
	flowLife  = 24 * time.Hour
	flashLife = time.Minute
)

// cookie names a cookie for this site alone. On plain HTTP in development both the prefix and Secure must go.
func (rt *Router) cookie(name, value string, life time.Duration) *http.Cookie {
	c := &http.Cookie{Name: rt.cookieName(name), Value: value, Path: "/", Secure: !rt.o.PlainCookies, HttpOnly: true, SameSite: http.SameSiteLaxMode} //nolint:gosec // Secure is off by a development setting only
	switch {
	case life < 0:
		c.MaxAge = -1
	case life > 0:
		c.MaxAge = int(life / time.Second)
	}
	return c
}

func (rt *Router) cookieName(name string) string {
	if rt.o.PlainCookies {
		return name
	}
	return "__Host-" + name
}

func (rt *Router) sessionToken(r *http.Request) string { return rt.read(r, "sp_session") }

// read gives a cookie's value; what is longer than any of ours is none.
func (rt *Router) read(r *http.Request, name string) string {
	c, err := r.Cookie(rt.cookieName(name))
	if err != nil || len(c.Value) > 1024 {
		return ""
	}
	return c.Value
}

// SetSession gives the browser its session's token. The cookie ends with the browser; the session ends by itself.
func SetSession(w http.ResponseWriter, r *http.Request, token string) {
	if st := stateOf(r); st != nil {
		http.SetCookie(w, st.rt.cookie("sp_session", token, 0))
	}
}

// ClearSession takes the token back.
func ClearSession(w http.ResponseWriter, r *http.Request) {
	if st := stateOf(r); st != nil {
		http.SetCookie(w, st.rt.cookie("sp_session", "", -1))
	}
}

// SessionToken is the token this browser sent, "" when it sent none; for ending exactly this session.
func SessionToken(r *http.Request) string {
	if st := stateOf(r); st != nil {
		return st.rt.sessionToken(r)
	}
	return ""
}

// browserBytes is the length of a flow secret before encoding.
const browserBytes = 32

// Browser is the secret that ties flows to this browser, "" when it has none yet.
func Browser(r *http.Request) string {
	st := stateOf(r)
	if st == nil {
		return ""
	}
	if st.browser != "" {
		return st.browser
	}
	v := st.rt.read(r, "sp_flow")
	if b, err := base64.RawURLEncoding.DecodeString(v); err != nil || len(b) != browserBytes {
		return ""
	}
	return v
}

// EnsureBrowser is Browser, making the secret when there is none. Only for POST handlers: opening a link changes
// nothing.
func EnsureBrowser(w http.ResponseWriter, r *http.Request) string {
	if v := Browser(r); v != "" {
		return v
	}
	st := stateOf(r)
	if st == nil {
		return ""
	}
	var b [browserBytes]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "" // never: crypto/rand ends the program instead
	}
	st.browser = base64.RawURLEncoding.EncodeToString(b[:])
	http.SetCookie(w, st.rt.cookie("sp_flow", st.browser, flowLife))
	return st.browser
}

// Flash shows one of the program's own sentences on the next page. It is authenticated and lives a minute, so
// nobody can put words on our pages. It must not hold what only its reader may know.
func Flash(w http.ResponseWriter, text string) { flash(w, text) }

// FlashUndo is Flash with a button that takes back what has just happened, by a POST to action, for so long. Nothing
// can be taken back when that is 0.
func FlashUndo(w http.ResponseWriter, text, action string, hold time.Duration) {
	if hold <= 0 {
		flash(w, text)
		return
	}
	if own, ok := w.(*writer); ok && own.rt != nil {
		flash(w, text+"\n"+action+"\n"+strconv.FormatInt(own.rt.o.Clock.Now().Add(hold).UnixMilli(), 10))
	}
}

func flash(w http.ResponseWriter, text string) {
	own, ok := w.(*writer)
	if !ok || own.rt == nil {
		return
	}
	rt := own.rt
	until := strconv.FormatInt(rt.o.Clock.Now().Add(flashLife).Unix(), 10)
	mac := hex.EncodeToString(rt.mac("flash", until, text))
	value := base64.RawURLEncoding.EncodeToString([]byte(text)) + "." + until + "." + mac
	http.SetCookie(w, rt.cookie("sp_flash", value, flashLife))
}

// readFlash puts the sentence, and how to undo it, on a page.
func (st *state) readFlash(w http.ResponseWriter, r *http.Request, s *ui.Shell) {
	part := strings.Split(st.takeFlash(w, r), "\n")
	if s.Flash = part[0]; len(part) != 3 {
		return
	}
	if until, err := strconv.ParseInt(part[2], 10, 64); err == nil {
		s.Undo = ui.Undo{Action: part[1], Left: time.UnixMilli(until).Sub(st.rt.o.Clock.Now())}
	}
}

// takeFlash reads what was said and removes it.
func (st *state) takeFlash(w http.ResponseWriter, r *http.Request) string {
	value := st.rt.read(r, "sp_flash")
	if value == "" || r.Method == http.MethodHead {
		return ""
	}
	http.SetCookie(w, st.rt.cookie("sp_flash", "", -1))
	part := strings.Split(value, ".")
	if len(part) != 3 {
		return ""
	}
	text, err := base64.RawURLEncoding.DecodeString(part[0])
	until, err2 := strconv.ParseInt(part[1], 10, 64)
	mac, err3 := hex.DecodeString(part[2])
	if err != nil || err2 != nil || err3 != nil || st.rt.o.Clock.Now().Unix() > until {
		return ""
	}
	if subtle.ConstantTimeCompare(mac, st.rt.mac("flash", part[1], string(text))) != 1 {
		return ""
	}
	return string(text)
}

// processMAC authenticates with a key that lives as long as the process.
func processMAC() func(string, ...string) []byte {
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails: crypto/rand ends the program instead
	return func(purpose string, parts ...string) []byte {
		m := hmac.New(sha256.New, key[:])
		for _, p := range append([]string{purpose}, parts...) {
			_, _ = m.Write([]byte(strconv.Itoa(len(p)) + ":" + p)) // a hash's Write never fails
		}
		return m.Sum(nil)
	}
}
