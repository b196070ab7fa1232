package s3_test

import (
	"net/http"
	"strings"
	"testing"

	"securepractice/internal/blob"
	"securepractice/internal/blob/blobtest"
	"securepractice/internal/blob/s3"
	"securepractice/internal/blob/s3/s3test"
)

func TestSuite(t *testing.T) {
	blobtest.Suite(t, func(t *testing.T) blob.Store {
		s, _ := s3test.Open(t)
		return s
	})
}

// Over TLS the client signs otherwise.
func TestSuiteOverTLS(t *testing.T) {
	blobtest.Suite(t, func(t *testing.T) blob.Store {
		o, _ := s3test.BetweenTLS(t, func(next http.Handler) http.Handler { return next })
		s, err := s3.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

// A service whose certificate nobody vouches for gets nothing, at once.
func TestUnknownCertificate(t *testing.T) {
	asked := false
	o, _ := s3test.BetweenTLS(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked = true; next.ServeHTTP(w, r) })
	})
	o.Roots = nil
	s, err := s3.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "s3_endpoint") || asked {
		t.Errorf("asked: %v, %v", asked, err)
	}
}
