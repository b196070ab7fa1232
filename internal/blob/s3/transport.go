package s3

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"time"
)

// stallTransport ends a request whose answer stands still.
type stallTransport struct {
	*http.Transport
	stall time.Duration
}

func newTransport(o Options) http.RoundTripper {
	stall := o.Stall
	dialer := &net.Dialer{Timeout: min(stall, 10*time.Second), KeepAlive: 30 * time.Second}
	return stallTransport{stall: stall, Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, TLSHandshakeTimeout: stall, ResponseHeaderTimeout: stall,
		MaxIdleConnsPerHost: 32, IdleConnTimeout: time.Minute, DisableCompression: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots},
	}}
}

// RoundTrip gives the answer a body that does not wait for ever.
func (t stallTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	resp, err := t.Transport.RoundTrip(r.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	resp.Body = &stallBody{ReadCloser: resp.Body, cancel: cancel, stall: t.stall}
	return resp, nil
}

// stallBody cancels its request when one Read takes too long. The time that its reader takes between Reads is its own.
type stallBody struct {
	io.ReadCloser
	cancel context.CancelFunc
	stall  time.Duration
}

func (b *stallBody) Read(p []byte) (int, error) {
	timer := time.AfterFunc(b.stall, b.cancel)
	defer timer.Stop()
	return b.ReadCloser.Read(p)
}

func (b *stallBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}
