package e2e

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestLargest sends 300 MB, the most one message may hold, through a browser and fetches them again. The program keeps none of
// it in memory, and one byte more is refused.
func TestLargest(t *testing.T) {
	p := start(t, t.TempDir())
	dir := t.TempDir()
	// Three scans of 84 + 50n bytes that come to the limit but for 48, and a letter that is refused beside them.
	files := []string{scan(t, dir, "upper arch.stl", 2_800_000), scan(t, dir, "lower arch.stl", 2_800_000), scan(t, dir, "bite.stl", 399_994)}
	letter := filepath.Join(dir, "letter.pdf")
	if err := os.WriteFile(letter, pdf(), 0o600); err != nil {
		t.Fatal(err)
	}
	dana := newBrowser(t, p.url, "large")
	enter(dana, "/signin", p.demo("Dana"))
	dana.open("/mail/new")
	dana.see("Subject")
	dana.fill("to", p.demo("Miguel").Email)
	dana.fill("subject", "All scans")
	dana.fill("body", "Everything we have.")
	begin := time.Now()
	dana.do(chromedp.SetUploadFiles(chromedp.CSS("#attachments"), files))
	dana.see("Uploading, ")
	dana.shot("uploading.png")
	for end := begin.Add(4 * time.Minute); dana.js(`document.querySelectorAll('[data-list] .good').length`) != "3"; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not all files are stored and checked after four minutes:\n" + dana.text())
		}
	}
	took := time.Since(begin)
	dana.do(chromedp.SetUploadFiles(chromedp.CSS("#attachments"), []string{letter}))
	dana.see("letter.pdf is too large. All attachments together can be up to 300 MB")
	dana.check("full")
	dana.press("Send")
	dana.see("Message sent.")

	miguel := newClient(t, p.url)
	miguel.signIn(p.demo("Miguel").Email, p.demo("Miguel").Password)
	miguel.open("/mail/inbox")
	miguel.open(miguel.doc.Find(".conv a").First().AttrOr("href", "/no-thread"))
	miguel.see("Everything we have.")
	links := miguel.doc.Find(`a[href^="/mail/attachments/"]:not([href*="/view"])`)
	if links.Length() != len(files) {
		t.Fatalf("%d files, want %d", links.Length(), len(files))
	}
	begin = time.Now()
	for i, path := range files {
		got, n := miguel.fetch(links.Eq(i).AttrOr("href", ""))
		if want := sum(t, path); got != want {
			t.Errorf("%s came back as other bytes (%d of them)", filepath.Base(path), n)
		}
	}
	t.Logf("300 MB up through the browser in %.1f s, down in %.1f s, the program's memory at most %d MB", took.Seconds(), time.Since(begin).Seconds(), p.peak())
	if p.peak() > 200 {
		t.Errorf("the program needed %d MB", p.peak())
	}
	tooMuch(t, p, files, letter)
}

// tooMuch sends, without scripts, files that together are over the limit: the last is refused at its field, those before it
// stay on the draft.
func tooMuch(t *testing.T, p *program, files []string, letter string) {
	t.Helper()
	again := newClient(t, p.url)
	again.signIn(p.demo("Dana").Email, p.demo("Dana").Password)
	again.open("/mail/new")
	again.pressFiles("Send", append([]string{files[2]}, files[0], files[1], letter), "to", p.demo("Miguel").Email, "subject", "x", "body", "y")
	if again.code != http.StatusUnprocessableEntity {
		t.Errorf("300,000,400 bytes in one form: %d", again.code)
	}
	again.see("letter.pdf is too large", "upper arch.stl", "lower arch.stl", "bite.stl")
}

// scan writes a binary STL file of n triangles and gives its path. Its bytes do not compress.
func scan(t *testing.T, dir, name string, n int) string {
	t.Helper()
	path := filepath.Join(dir, name)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	head := binary.LittleEndian.AppendUint32(make([]byte, 80, 84), uint32(n))
	var seed [32]byte
	copy(seed[:], name)
	if _, err := f.Write(head); err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(f, rand.NewChaCha8(seed), int64(n)*50); err != nil {
		t.Fatal(err)
	}
	return path
}

// fetch downloads a file and gives its SHA-256 and its length without keeping it.
func (c *client) fetch(path string) (string, int64) {
	c.t.Helper()
	r, err := c.http.Get(c.base + path)
	if err != nil {
		c.t.Fatal(err)
	}
	defer r.Body.Close()
	h := sha256.New()
	n, err := io.Copy(h, r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		c.t.Fatalf("%s: %d %v", path, r.StatusCode, err)
	}
	return hex.EncodeToString(h.Sum(nil)), n
}

var peakLine = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peak is the most memory the program has had, in MB.
func (p *program) peak() int {
	p.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	m := peakLine.FindSubmatch(b)
	if m == nil {
		p.t.Fatal("no VmHWM")
	}
	kb, err := strconv.Atoi(string(m[1]))
	if err != nil {
		p.t.Fatal(err)
	}
	return kb / 1024
}
