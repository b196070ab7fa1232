package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// built is the program, built once as it ships.
var built string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	built = filepath.Join(dir, "securepractice")
	build := exec.Command("go", "build", "-o", built, "../cmd/securepractice")
	build.Stderr = os.Stderr
	code := 1
	if err := build.Run(); err == nil {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// program is a running demo.
type program struct {
	t    testing.TB
	dir  string // its data and root key
	args []string
	url  string
	cmd  *exec.Cmd
	log  *lines
}

// lines keeps what the program logs. (What it prints for a person holds the demo's passwords on purpose.)
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) add(s string) { l.mu.Lock(); l.text.WriteString(s + "\n"); l.mu.Unlock() }

func (l *lines) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.text.String() }

// start runs the demo on a free port; more arguments go behind. It is stopped when the test ends.
func start(t testing.TB, dir string, args ...string) *program {
	t.Helper()
	p := &program{t: t, dir: dir, args: append([]string{"--undo-send", "0s"}, args...), log: &lines{}}
	p.run()
	t.Cleanup(func() {
		p.stop(syscall.SIGTERM)
		if t.Failed() {
			t.Log("the program printed:\n" + p.log.String())
		}
	})
	return p
}

var address = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

// run starts the process and waits until it says where it listens and can serve.
func (p *program) run() {
	p.t.Helper()
	args := append([]string{"demo", "--port", "0", "--data", p.dir}, p.args...)
	p.cmd = exec.Command(built, args...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	errs, err := p.cmd.StderrPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	found := make(chan string, 1)
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			if a := address.FindString(s.Text()); a != "" {
				select {
				case found <- a:
				default:
				}
			}
		}
		close(found)
	}()
	go func() {
		for s := bufio.NewScanner(errs); s.Scan(); {
			p.log.add(s.Text())
		}
	}()
	select {
	case p.url = <-found:
	case <-time.After(60 * time.Second):
	}
	if p.url == "" {
		p.t.Fatal("the program did not say where it listens:\n" + p.log.String())
	}
	until(p.t, "ready", func() bool {
		r, err := http.Get(p.url + "/readyz")
		if err != nil {
			return false
		}
		defer r.Body.Close()
		return r.StatusCode == http.StatusOK
	})
}

// stop ends the process with a signal and waits for it.
func (p *program) stop(sig syscall.Signal) {
	if p.cmd == nil || p.cmd.Process == nil {
		return
	}
	_ = p.cmd.Process.Signal(sig)
	_ = p.cmd.Wait()
	p.cmd = nil
}

// until polls a condition that another process brings about.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("waited in vain: %s", what)
}

// notice is what the outbox shows.
type notice struct {
	ID, Kind, To, Subject, Text, Code string
	Links                             []string
	At                                string
}

func (p *program) get(path string, into any) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		p.t.Fatalf("%s: %d %v", path, r.StatusCode, err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		p.t.Fatalf("%s: %v", path, err)
	}
}

func (p *program) outbox() (all []notice) {
	p.t.Helper()
	p.get("/dev/outbox.json", &all)
	return all
}

// mail waits for the newest notice of a kind to an address, sent after the n notices that were there before; an e-mail
// is one with a link.
func (p *program) mail(before int, kind, to string) (found notice) {
	p.t.Helper()
	until(p.t, kind+" to "+to, func() bool {
		all := p.outbox()
		for _, n := range all[:len(all)-before] {
			if n.Kind == kind && n.To == to && (kind != "email" || len(n.Links) > 0) {
				found = n
				return true
			}
		}
		return false
	})
	return found
}

// person is one of the demo's people.
type person struct {
	Email, Password, Name, Role, Practice, Tier string
	Manager                                     bool
}

// demo finds one of the demo's people by first name.
func (p *program) demo(name string) person {
	p.t.Helper()
	var all []person
	p.get("/dev/accounts.json", &all)
	for _, a := range all {
		if strings.HasPrefix(a.Name, name) {
			return a
		}
	}
	p.t.Fatalf("the demo has nobody called %s: %+v", name, all)
	return person{}
}
