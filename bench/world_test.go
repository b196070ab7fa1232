//go:build bench

package bench

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"securepractice/internal/account"
	"securepractice/internal/actor"
	"securepractice/internal/app"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
)

// world is the whole program on one database, with the demo's people.
type world struct {
	*app.App
	server *httptest.Server
	dana   actor.Actor
	miguel actor.Actor
}

// engines are the two databases.
func engines(t *testing.T, fn func(t *testing.T, name, url string)) {
	t.Run("SQLite", func(t *testing.T) { fn(t, "SQLite", "sqlite:"+filepath.Join(t.TempDir(), "data", "b.db")) })
	t.Run("PostgreSQL", func(t *testing.T) {
		owner, _ := dbtest.PostgresURLs(t)
		fn(t, "PostgreSQL", owner)
	})
}

func newWorld(t *testing.T, url string) *world {
	t.Helper()
	cfg := app.DemoConfig(t.TempDir(), url)
	cfg.BaseURL = "http://127.0.0.1"
	if _, err := crypt.CreateRoot(cfg.RootKey); err != nil {
		t.Fatal(err)
	}
	d, err := db.Open(t.Context(), url, db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	a, err := app.New(t.Context(), cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.SeedDemo(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := &world{App: a, server: httptest.NewServer(a.Handler())}
	t.Cleanup(func() { w.server.Close(); a.Close() })
	w.dana, w.miguel = w.person(t, "dana@harborpoint.example"), w.person(t, "miguel@eastlakeoral.example")
	return w
}

// person is one of the demo's people as an actor.
func (w *world) person(t *testing.T, email string) actor.Actor {
	t.Helper()
	c, ok, err := w.Account.ByEmail(t.Context(), w.DB, email)
	if err != nil || !ok {
		t.Fatal(email, err)
	}
	return actor.Actor{Kind: actor.User, ID: c.ID, PracticeID: c.PracticeID, OwnerID: c.OwnerID, Role: c.Role, Paid: c.Paid, Email: c.Email, First: c.First, Last: c.Last, Zone: c.Zone}
}

// password of one of the demo's people.
func password(email string) string {
	for _, a := range app.DemoAccounts() {
		if a.Email == email {
			return a.Password
		}
	}
	return ""
}

// session signs a person in and gives the cookie.
func (w *world) session(t *testing.T, email string) string {
	t.Helper()
	return w.signIn(t, email, password(email))
}

func (w *world) signIn(t *testing.T, email, password string) string {
	t.Helper()
	e, err := w.Account.SignIn(t.Context(), actor.Actor{Kind: actor.Visitor, IP: "127.0.0.1"}, account.SignIn{Email: email, Password: password, Browser: "bench"})
	if err != nil || e.Token == "" {
		t.Fatal(err, e.Next)
	}
	return "__Host-sp_session=" + e.Token
}

// client keeps connections open for as many as act at once.
func client() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// get asks for a page and reads it whole.
func get(c *http.Client, url, cookie string) error {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Cookie", cookie)
	req.Header.Set("Accept-Encoding", "gzip") // as a browser; unpacking it would be the measuring client's work on the same cores
	r, err := c.Do(req)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return err
	}
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %d", url, r.StatusCode)
	}
	return nil
}

// post sends a form and wants a redirect.
func post(c *http.Client, url, cookie, form string) error {
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(form))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Cookie", cookie)
	r, err := c.Do(req)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	if r.StatusCode != http.StatusSeeOther {
		return fmt.Errorf("%s: %d %.300s", url, r.StatusCode, b)
	}
	return nil
}

// hello is the rate of a server that does nothing, measured by the same client.
func hello(t *testing.T, clients int, span time.Duration) result {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello, world\n") }))
	defer s.Close()
	c := client()
	return loop(t, clients, span, func(int, int) error { return get(c, s.URL, "") })
}

// program is the real program on the demo's data.
type program struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string
	took time.Duration // until it was ready
}

// build makes the program as it ships and returns its path.
func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "securepractice")
	if b, err := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, "../cmd/securepractice").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	return bin
}

// run starts it and waits until it can serve.
func run(t *testing.T, bin, dir string) *program {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	port := strconv.Itoa(20000 + os.Getpid()%20000)
	p := &program{t: t, cmd: exec.Command(bin, "demo", "--port", port, "--data", dir), url: "http://127.0.0.1:" + port}
	begin := time.Now()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	for {
		if r, err := http.Get(p.url + "/readyz"); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				break
			}
		}
		if ctx.Err() != nil {
			t.Fatal("not ready within a minute")
		}
		time.Sleep(2 * time.Millisecond)
	}
	p.took = time.Since(begin)
	return p
}

func (p *program) stop() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Signal(os.Interrupt)
		_ = p.cmd.Wait()
	}
}

// memory is a line of the process's status in MB: VmRSS now, VmHWM at most.
func (p *program) memory(line string) float64 {
	p.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	m := regexp.MustCompile(line + `:\s+(\d+) kB`).FindSubmatch(b)
	if m == nil {
		p.t.Fatal("no " + line)
	}
	kb, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		p.t.Fatal(err)
	}
	return kb / 1024
}
