package app

import (
	"flag"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"securepractice/internal/crypt"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/web"
)

var update = flag.Bool("update", false, "write testdata/routes.golden anew")

// newApp is the whole program on a fresh SQLite database, not started.
func newApp(t *testing.T) *App {
	t.Helper()
	dir := t.TempDir()
	cfg := DemoConfig(dir, dbtest.SQLiteURL(t))
	cfg.BaseURL = "http://127.0.0.1:8080"
	if _, err := crypt.CreateRoot(cfg.RootKey); err != nil {
		t.Fatal(err)
	}
	a, err := New(t.Context(), cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// TestRoutes compares every route, its body and who may call it with the list that reviewers read.
func TestRoutes(t *testing.T) {
	var lines []string
	for _, r := range newApp(t).Router.Routes() {
		lines = append(lines, r.String())
	}
	slices.Sort(lines)
	got := strings.Join(lines, "\n") + "\n"
	file := filepath.Join("testdata", "routes.golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the routes have changed; look at each and run: go test ./internal/app -run TestRoutes -update\ngot:\n%s", got)
	}
}

// Nobody who is not signed in gets past the roles, whatever the route, and no route answers with an error of ours.
func TestVisitorsAreTurnedAway(t *testing.T) {
	a := newApp(t)
	h := a.Handler()
	for _, r := range a.Router.Routes() {
		path := strings.NewReplacer("{token}", "x", "{id}", "018f0000-0000-7000-8000-000000000000").Replace(r.Path)
		req := httptest.NewRequest(r.Method, "http://127.0.0.1:8080"+path, nil)
		req.RemoteAddr = "192.0.2.1:4711"
		if r.Method == http.MethodPost {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.Header.Set("Sec-Fetch-Site", "same-origin")
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if w.Code >= 500 && path != "/readyz" {
			t.Errorf("%s %s: %d", r.Method, r.Path, w.Code)
		}
		if r.Role == web.User || r.Role == web.Manager || r.Role == web.Staff {
			if to := w.Header().Get("Location"); w.Code != http.StatusUnauthorized && (w.Code != http.StatusSeeOther || !strings.Contains(to, "/signin")) {
				t.Errorf("%s %s let a visitor in: %d, Location %q", r.Method, r.Path, w.Code, to)
			}
		}
		if r.Role == web.Dev && w.Code != http.StatusNotFound {
			t.Errorf("%s %s answers another machine: %d", r.Method, r.Path, w.Code)
		}
	}
}

// A wrong, missing or world-readable root key, and a database without its tables, are refused with what to do.
func TestRefusesToStart(t *testing.T) {
	dir := t.TempDir()
	cfg := DemoConfig(dir, dbtest.SQLiteURL(t))
	cfg.BaseURL = "http://127.0.0.1:8080"
	if _, err := New(t.Context(), cfg, slog.New(slog.DiscardHandler), nil); err == nil || !strings.Contains(err.Error(), cfg.RootKey) {
		t.Errorf("no root key: %v", err)
	}
	if _, err := crypt.CreateRoot(cfg.RootKey); err != nil {
		t.Fatal(err)
	}
	a, err := New(t.Context(), cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	cfg.TermsFile = filepath.Join(dir, "terms.txt")
	for _, text := range []string{"", "  \n", "November 1, 2026\n\n"} {
		if err := os.WriteFile(cfg.TermsFile, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := New(t.Context(), cfg, slog.New(slog.DiscardHandler), nil); err == nil || !strings.Contains(err.Error(), "terms_file") {
			t.Errorf("terms %q: %v", text, err)
		}
	}
	cfg.TermsFile = ""
	cfg.RootKey = filepath.Join(dir, "other.key")
	if _, err := crypt.CreateRoot(cfg.RootKey); err != nil {
		t.Fatal(err)
	}
	if _, err := New(t.Context(), cfg, slog.New(slog.DiscardHandler), nil); err == nil || !strings.Contains(err.Error(), "root") {
		t.Errorf("another root key: %v", err)
	}
	cfg.Database = "sqlite:" + filepath.Join(dir, "empty", "x.db")
	if _, err := New(t.Context(), cfg, slog.New(slog.DiscardHandler), nil); err == nil || !strings.Contains(err.Error(), "migrate") {
		t.Errorf("no tables: %v", err)
	}
}
