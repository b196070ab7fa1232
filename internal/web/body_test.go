package web_test

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"securepractice/internal/web"
)

func TestBodies(t *testing.T) {
	s := newSite(t)
	read := 0
	s.Form(web.Public, "/form", func(w http.ResponseWriter, r *http.Request) error {
		v, err := web.ReadForm(w, r)
		if err != nil {
			return err
		}
		_, err = io.WriteString(w, v.Get("body"))
		return err
	})
	s.JSON(web.Public, "/json", func(w http.ResponseWriter, r *http.Request) error {
		var in struct{ To string }
		if err := web.ReadJSON(r, &in); err != nil {
			return err
		}
		return web.SendJSON(w, 200, in)
	})
	s.Form(web.User, "/unread", func(http.ResponseWriter, *http.Request) error { read++; return nil })
	for _, c := range []struct {
		name, path, body, kind string
		want                   int
		answer                 string
	}{
		{"just fits", "/form", "body=" + strings.Repeat("a", web.FormLimit-5), "", 200, ""},
		{"one byte over", "/form", "body=" + strings.Repeat("a", web.FormLimit-4), "", 413, ""},
		{"line ends and NUL", "/form", "body=a%0D%0Ab%0Dc%00d%FF", "", 200, "a\nb\ncd\uFFFD"},
		{"not a form", "/form", "body=a", "text/plain", 422, ""},
		{"broken escape", "/form", "body=%zz", "", 422, ""},
		{"empty", "/form", "", "", 200, ""},
		{"json", "/json", `{"to":"a"}`, "application/json", 200, `{"To":"a"}`},
		{"json too large", "/json", `{"to":"` + strings.Repeat("a", web.JSONLimit) + `"}`, "application/json", 413, ""},
		{"json unknown member", "/json", `{"too":"a"}`, "application/json", 422, ""},
		{"json twice", "/json", `{"to":"a"}{"to":"b"}`, "application/json", 422, ""},
		{"json with NUL", "/json", `{"to":"a\u0000"}`, "application/json", 422, ""},
	} {
		a := ask{method: "POST", path: c.path, body: c.body}
		if c.kind != "" {
			a.header = map[string]string{"Content-Type": c.kind}
		}
		r := s.do(a)
		got := body(t, r)
		if r.StatusCode != c.want || c.answer != "" && got != c.answer {
			t.Errorf("%s: %d %.80q", c.name, r.StatusCode, got)
		}
	}
	s.do(ask{method: "POST", path: "/unread", body: "x"})
	if read != 0 {
		t.Error("a form was handed on without a session")
	}
}

// TestNothingReadsABodyFirst sends a body that must not be touched before the handler asks for it.
func TestNothingReadsABodyFirst(t *testing.T) {
	s := newSite(t)
	for _, role := range []web.Role{web.Public, web.User} {
		path := "/up-" + role.String()
		s.Upload(role, path, func(http.ResponseWriter, *http.Request) error { return nil })
		r := httptest.NewRequest("POST", path, untouchable{t})
		s.Handler().ServeHTTP(httptest.NewRecorder(), r)
	}
}

type untouchable struct{ t *testing.T }

func (u untouchable) Read([]byte) (int, error) { u.t.Error("the body was read"); return 0, io.EOF }

func TestParts(t *testing.T) {
	s := newSite(t)
	s.Upload(web.Public, "/up", func(w http.ResponseWriter, r *http.Request) error {
		for p, err := range web.Parts(r) {
			if err != nil {
				return err
			}
			if p.IsFile {
				n, err := io.Copy(io.Discard, p.Body)
				if err != nil {
					return err
				}
				_, _ = io.WriteString(w, p.Name+"!"+p.FileName+"!"+string(rune('0'+n%10))+";")
				continue
			}
			v, err := p.Text()
			if err != nil {
				return err
			}
			_, _ = io.WriteString(w, p.Name+"="+v+";")
		}
		return nil
	})
	var form bytes.Buffer
	m := multipart.NewWriter(&form)
	_ = m.WriteField("id", "d1\r\nx")
	f, _ := m.CreateFormFile("file", "../etc/pass\"wd.txt")
	_, _ = f.Write([]byte("1234"))
	_ = m.WriteField("after", "z")
	_ = m.Close()
	kind := map[string]string{"Content-Type": m.FormDataContentType()}
	r := s.do(ask{method: "POST", path: "/up", body: form.String(), header: kind})
	if got := body(t, r); r.StatusCode != 200 || got != "id=d1\nx;file!../etc/pass\"wd.txt!4;after=z;" {
		t.Errorf("%d %q", r.StatusCode, got)
	}
	if got := body(t, s.do(ask{method: "POST", path: "/up", body: "b=2&a=1%0D%0A&b=3"})); got != "b=2;a=1\n;b=3;" {
		t.Errorf("urlencoded: %q", got)
	}
	var big bytes.Buffer
	m = multipart.NewWriter(&big)
	for range 3 {
		_ = m.WriteField("t", strings.Repeat("a", web.FormLimit/2))
	}
	_ = m.Close()
	bad := httptest.NewRequest("POST", "/up", &big)
	bad.Header.Set("Content-Type", m.FormDataContentType())
	bad.Header.Set("Accept", "application/json")
	w := httptest.NewRecorder()
	func() {
		defer func() { _ = recover() }() // part of the answer was written: the connection is cut
		s.Handler().ServeHTTP(w, bad)
	}()
	if strings.Count(w.Body.String(), "t=") > 2 {
		t.Error("text fields beyond the limit were read")
	}
	if r := s.do(ask{method: "POST", path: "/up", body: "x", header: map[string]string{"Content-Type": "multipart/form-data"}}); r.StatusCode != 422 {
		t.Errorf("no boundary: %d", r.StatusCode)
	}
}
