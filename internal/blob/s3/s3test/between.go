package s3test

import (
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
	"time"

	"securepractice/internal/blob/s3"
)

// Between puts a proxy before the service, which does to requests and answers what a test says: handle gets the way to the
// service and returns what stands in it. The options are those of a new empty bucket behind the proxy.
func Between(t testing.TB, handle func(next http.Handler) http.Handler) (o s3.Options, dir string) {
	t.Helper()
	return between(t, handle, httptest.NewServer)
}

// BetweenTLS is Between with a proxy that speaks TLS, whose certificate the options' roots vouch for.
func BetweenTLS(t testing.TB, handle func(next http.Handler) http.Handler) (o s3.Options, dir string) {
	t.Helper()
	return between(t, handle, httptest.NewTLSServer)
}

func between(t testing.TB, handle func(next http.Handler) http.Handler, serve func(http.Handler) *httptest.Server) (o s3.Options, dir string) {
	t.Helper()
	o, dir = Options(t)
	to, err := url.Parse(o.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	way := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host = to.Scheme, to.Host
		r.Out.Host = r.In.Host // it is part of what is signed
	}, ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }}
	proxy := serve(handle(way))
	t.Cleanup(proxy.Close)
	o.Endpoint, o.Stall = proxy.URL, time.Second
	if cert := proxy.Certificate(); cert != nil {
		o.Roots = x509.NewCertPool()
		o.Roots.AddCert(cert)
	}
	return o, dir
}
