package web

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"securepractice/internal/actor"
)

// agentBytes is how much of a browser's name is kept.
const agentBytes = 200

// visitor is who asks before any session is looked at.
func (rt *Router) visitor(r *http.Request) actor.Actor {
	agent := strings.ToValidUTF8(r.UserAgent(), "")
	if len(agent) > agentBytes {
		agent = strings.ToValidUTF8(agent[:agentBytes], "")
	}
	return actor.Actor{Kind: actor.Visitor, IP: rt.ip(r), Agent: agent}
}

// ip is the client's address. X-Forwarded-For is believed only as far as configured proxies wrote it: read from the
// right, the first address that is not one of them.
func (rt *Router) ip(r *http.Request) string {
	at, ok := remote(r)
	if !ok {
		return ""
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && rt.proxy(at); i-- {
		next, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		at = next.Unmap()
	}
	return at.WithZone("").String()
}

func remote(r *http.Request) (netip.Addr, bool) {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	return ap.Addr().Unmap(), err == nil
}

func (rt *Router) proxy(a netip.Addr) bool {
	for _, p := range rt.o.Proxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func loopback(r *http.Request) bool {
	a, ok := remote(r)
	return ok && a.IsLoopback()
}

// originOf is the scheme and host of the base address.
func originOf(base string) (string, bool) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return "", false
	}
	return u.Scheme + "://" + u.Host, true
}
