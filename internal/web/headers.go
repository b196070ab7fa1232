package web

import "net/http"

// policy is the content security policy of every page: our own files, nothing inline, nobody's frame.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// AllowMedia lets the page of this answer play films and recordings of our own.
func AllowMedia(w http.ResponseWriter) {
	w.Header().Set("Content-Security-Policy", policy+"; media-src 'self'")
}

// headers sets what every answer carries. A handler may set a stricter policy of its own, as downloads do.
func (rt *Router) headers(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Permissions-Policy", "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("Cache-Control", "no-store")
	if rt.https() {
		h.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
	}
}
