package e2e

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestNothingInClear plants words in everything that is content and searches all that the program has written.
func TestNothingInClear(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir)
	words := []string{"Quarzkrone", "Bernsteinfuge", "Moosachat", "Feldspatgips"}
	file := filepath.Join(t.TempDir(), words[2]+".txt")
	if err := os.WriteFile(file, []byte("The file says "+words[3]), 0o600); err != nil {
		t.Fatal(err)
	}
	dana, miguel := p.demo("Dana"), p.demo("Miguel")
	c := newClient(t, p.url)
	c.signIn(dana.Email, dana.Password)
	c.open("/mail/new")
	c.pressFiles("Save Draft", []string{file}, "to", miguel.Email, "subject", words[0]+" draft", "body", words[1]+" draft")
	c.open("/mail/new")
	c.pressFiles("Send", []string{file}, "to", miguel.Email, "subject", words[0], "body", words[1])
	c.see("Message sent.")
	m := newClient(t, p.url)
	m.signIn(miguel.Email, miguel.Password)
	until(t, "the message", func() bool { m.open("/mail/inbox"); return strings.Contains(m.text(), words[0]) })
	if all := fmt.Sprint(p.outbox()); containsAny(all, words) {
		t.Error("a notice carries content")
	}
	p.stop(syscall.SIGTERM)
	if log := p.log.String(); containsAny(log, words) || containsAny(log, []string{dana.Email, dana.Password, "Okafor", "5550142"}) {
		t.Error("the log carries content, an address or a number")
	}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, w := range words {
			if bytes.Contains(b, []byte(w)) || bytes.Contains(bytes.ToLower(b), bytes.ToLower([]byte(w))) || strings.Contains(path, w) {
				t.Errorf("%q stands in clear in %s", w, path)
			}
		}
		for _, secret := range []string{dana.Password, miguel.Password} {
			if bytes.Contains(b, []byte(secret)) {
				t.Errorf("a password stands in clear in %s", path)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func containsAny(text string, words []string) bool {
	for _, w := range words {
		if strings.Contains(strings.ToLower(text), strings.ToLower(w)) {
			return true
		}
	}
	return false
}
