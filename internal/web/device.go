package web

import (
	"net/http"
	"time"
)

// Device is the token of a browser that has done a second step before, "" when it has none.
func Device(r *http.Request) string {
	if st := stateOf(r); st != nil {
		return st.rt.read(r, "sp_device")
	}
	return ""
}

// SetDevice gives the browser that token. Who it counts for, and for how long, the server decides.
func SetDevice(w http.ResponseWriter, r *http.Request, token string, life time.Duration) {
	if st := stateOf(r); st != nil {
		http.SetCookie(w, st.rt.cookie("sp_device", token, life))
	}
}
