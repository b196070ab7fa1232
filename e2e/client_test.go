package e2e

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
)

// client is a browser without scripts: it follows links, fills the forms it is shown, and presses their buttons.
type client struct {
	t    testing.TB
	base string
	http *http.Client
	doc  *goquery.Document
	at   *url.URL
	code int // status of the last page
}

// loopbackJar keeps Secure cookies on plain loopback, as browsers do.
type loopbackJar struct{ jar *cookiejar.Jar }

func secure(u *url.URL) *url.URL { v := *u; v.Scheme = "https"; return &v }

func (j loopbackJar) SetCookies(u *url.URL, c []*http.Cookie) { j.jar.SetCookies(secure(u), c) }
func (j loopbackJar) Cookies(u *url.URL) []*http.Cookie       { return j.jar.Cookies(secure(u)) }

func newClient(t testing.TB, base string) *client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &client{t: t, base: base, http: &http.Client{Jar: loopbackJar{jar}, Timeout: 60 * time.Second}}
}

func (c *client) send(req *http.Request) *goquery.Document {
	c.t.Helper()
	r, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if c.doc, err = goquery.NewDocumentFromReader(bytes.NewReader(b)); err != nil {
		c.t.Fatal(err)
	}
	c.at, c.code = r.Request.URL, r.StatusCode
	return c.doc
}

// open gets a page by path or whole address.
func (c *client) open(path string) *goquery.Document {
	c.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = c.base + path
	}
	req, err := http.NewRequest(http.MethodGet, path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.send(req)
}

// form finds the form that has a button with this label.
func (c *client) form(label string) (form, button *goquery.Selection) {
	c.t.Helper()
	c.doc.Find("button").EachWithBreak(func(_ int, b *goquery.Selection) bool {
		name := b.AttrOr("aria-label", strings.TrimSpace(b.Text()))
		if name != label && strings.TrimSpace(b.Text()) != label {
			return true
		}
		f := b.Closest("form")
		if id, ok := b.Attr("form"); ok {
			f = c.doc.Find("form#" + id)
		}
		if f.Length() == 0 {
			return true
		}
		form, button = f, b
		return false
	})
	if form == nil {
		c.t.Fatalf("no button %q at %s:\n%s", label, c.at.Path, c.text())
	}
	return form, button
}

// values are what the form would send untouched.
func values(form *goquery.Selection) url.Values {
	v := url.Values{}
	form.Find("input, select, textarea").Each(func(_ int, e *goquery.Selection) {
		name, ok := e.Attr("name")
		if _, off := e.Attr("disabled"); !ok || off {
			return
		}
		switch {
		case goquery.NodeName(e) == "textarea":
			v.Add(name, e.Text())
		case goquery.NodeName(e) == "select":
			if o := e.Find("option[selected]"); o.Length() > 0 {
				v.Add(name, o.AttrOr("value", o.Text()))
			} else {
				v.Add(name, e.Find("option").First().AttrOr("value", ""))
			}
		case e.AttrOr("type", "") == "checkbox" || e.AttrOr("type", "") == "radio":
			if _, on := e.Attr("checked"); on {
				v.Add(name, e.AttrOr("value", "on"))
			}
		case e.AttrOr("type", "") != "file" && e.AttrOr("type", "") != "submit":
			v.Add(name, e.AttrOr("value", ""))
		}
	})
	return v
}

// press fills the form around the button with this label and sends it. Pairs are field, value; files go as attachments.
func (c *client) press(label string, pairs ...string) *goquery.Document {
	c.t.Helper()
	return c.pressFiles(label, nil, pairs...)
}

func (c *client) pressFiles(label string, files []string, pairs ...string) *goquery.Document {
	c.t.Helper()
	form, button := c.form(label)
	v := values(form)
	for i := 0; i < len(pairs); i += 2 {
		if form.Find(fmt.Sprintf("[name=%q]", pairs[i])).Length() == 0 {
			c.t.Fatalf("no field %q beside %q at %s:\n%s", pairs[i], label, c.at.Path, c.text())
		}
		v.Set(pairs[i], pairs[i+1])
	}
	if name, ok := button.Attr("name"); ok {
		v.Set(name, button.AttrOr("value", ""))
	}
	action := button.AttrOr("formaction", form.AttrOr("action", ""))
	to, err := c.at.Parse(action)
	if err != nil {
		c.t.Fatal(err)
	}
	if form.AttrOr("enctype", "") == "multipart/form-data" {
		return c.postMultipart(to.String(), v, form.Find("input[type=file]").AttrOr("name", "attachments"), files)
	}
	return c.post(to.String(), v)
}

func (c *client) post(to string, v url.Values) *goquery.Document {
	c.t.Helper()
	if strings.HasPrefix(to, "/") {
		to = c.base + to
	}
	req, err := http.NewRequest(http.MethodPost, to, strings.NewReader(v.Encode()))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", c.base)
	return c.send(req)
}

func (c *client) postMultipart(to string, v url.Values, field string, files []string) *goquery.Document {
	c.t.Helper()
	pr, pw := io.Pipe()
	m := multipart.NewWriter(pw)
	go func() { pw.CloseWithError(writeParts(m, v, field, files)) }()
	req, err := http.NewRequest(http.MethodPost, to, pr)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", m.FormDataContentType())
	req.Header.Set("Origin", c.base)
	return c.send(req)
}

func writeParts(m *multipart.Writer, v url.Values, field string, files []string) error {
	for name, all := range v {
		for _, value := range all {
			if err := m.WriteField(name, value); err != nil {
				return err
			}
		}
	}
	for _, path := range files {
		w, err := m.CreateFormFile(field, filepath.Base(path))
		if err != nil {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		_, err = io.Copy(w, f)
		f.Close()
		if err != nil {
			return err
		}
	}
	return m.Close()
}

func (c *client) text() string { return strings.Join(strings.Fields(c.doc.Find("body").Text()), " ") }

// see fails unless the page shows all the words.
func (c *client) see(words ...string) {
	c.t.Helper()
	for _, w := range words {
		if !strings.Contains(c.text(), w) {
			c.t.Fatalf("the page does not show %q at %s (%d):\n%s", w, c.at.Path, c.code, c.text())
		}
	}
}

// signIn signs one of the demo's people in.
func (c *client) signIn(email, password string) {
	c.t.Helper()
	c.open("/signin")
	c.press("Sign In", "email", email, "password", password)
	if c.code != http.StatusOK || c.at.Path == "/signin" {
		c.t.Fatalf("cannot sign in as %s: %d %s\n%s", email, c.code, c.at, c.text())
	}
}
