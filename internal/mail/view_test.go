package mail_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"codeberg.org/go-pdf/fpdf"

	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/mail"
	files "securepractice/internal/preview"
)

// TestMain lets the test program be the worker that draws, as the portal is.
func TestMain(m *testing.M) {
	if files.IsWorker() {
		os.Exit(files.Worker())
	}
	os.Exit(m.Run())
}

// draws lets previews be made in this world.
func (w *world) draws() {
	w.attach.Renderer = files.NewRunner(files.Limits{}, slog.New(slog.DiscardHandler))
}

// draw makes every preview that is wanted.
func (w *world) draw() {
	w.t.Helper()
	for range 3000 { // the race detector takes its time over large pictures
		must(w.t, w.attach.MakePreviews(w.t.Context()))
		if w.count("SELECT COUNT(*) FROM attach_preview WHERE state IN ('wanted', 'making')") == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	w.t.Fatal("previews are not made")
}

// sendFiles sends a message with files and gives their links by name.
func (w *world) sendFiles(from, to string, list ...upload) (mail.Sent, map[string]string) {
	w.t.Helper()
	d, err := w.SaveDraft(w.t.Context(), w.people[from], mail.Draft{ID: db.NewID()})
	must(w.t, err)
	links := map[string]string{}
	for _, f := range list {
		_, err := w.Attach(w.t.Context(), w.people[from], mail.AttachIn{DraftID: d.ID, Name: f.name, Body: bytes.NewReader(f.data)})
		must(w.t, err)
	}
	sent, err := w.Send(w.t.Context(), w.people[from], mail.Compose{DraftID: d.ID, To: to, Subject: "Pictures of #30", Body: "See the files."})
	must(w.t, err)
	w.work()
	w.draw()
	w.get(from, "/mail/t/"+sent.ThreadID).Find(".files li").Each(func(_ int, li *selection) {
		href, _ := li.Find("a[aria-label^=Download]").Attr("href")
		links[strings.TrimSpace(li.Find(".fn").Text())] = strings.TrimPrefix(href, "/mail/attachments/")
	})
	return sent, links
}

// photo is a JPEG of w by h with a mark in its upper left corner.
func photo(w, h int) []byte {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.Set(x, y, color.RGBA{R: uint8(x * 255 / w), G: uint8(y * 255 / h), B: uint8((x*7 + y*13) % 256), A: 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func drawing(w, h int) []byte {
	img := image.NewGray(image.Rect(0, 0, w, h))
	for x := range min(w, h) {
		img.SetGray(x, x, color.Gray{Y: 200})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// document is a PDF of some pages.
func document(pages int) []byte {
	doc := fpdf.New("P", "mm", "A4", "")
	for n := range pages {
		doc.AddPage()
		doc.SetFont("Helvetica", "", 20)
		doc.Cell(100, 20, fmt.Sprintf("Treatment plan, page %d", n+1))
	}
	var b bytes.Buffer
	if err := doc.Output(&b); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// TestView: who may open a file may see it, each look stands in the trail once, and its pictures need the permission anew.
func TestView(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.draws()
		sent, links := w.sendFiles("dana", "santos@example.org", upload{"molar.jpg", photo(300, 200)}, upload{"arch.png", drawing(80, 60)})
		id := links["molar.jpg"]
		p := w.get("santos", "/mail/t/"+sent.ThreadID)
		if a, _ := p.Find(`.files a[aria-label="View molar.jpg"]`).Attr("href"); a != "/mail/attachments/"+id+"/view" {
			t.Errorf("the way to the viewer: %q", a)
		}
		thumb, _ := p.Find(`.files li:first-child img`).Attr("src")
		const looked = "SELECT COUNT(*) FROM audit_event WHERE action = 'file.previewed'"
		if got := w.get("santos", thumb); got.code != http.StatusOK || got.head.Get("Content-Type") != "image/jpeg" {
			t.Errorf("the small picture %s: %d", thumb, got.code)
		}
		w.want(0, looked)
		p = w.get("santos", "/mail/attachments/"+id+"/view")
		if p.code != http.StatusOK || p.text("h1") != "molar.jpg" || !strings.Contains(p.text("main"), "File 1 of 2. Photo, 11 KB. Scanned, no threats found") || !strings.Contains(p.text("main"), "Not for diagnosis") {
			t.Fatalf("%d %s", p.code, p.text("main"))
		}
		w.want(1, looked+" AND subject_id = $1", id)
		src, _ := p.Find("[data-stage] img").Attr("src")
		got := w.get("santos", src)
		if got.code != http.StatusOK {
			t.Fatalf("%s: %d", src, got.code)
		}
		for name, want := range map[string]string{"Content-Type": "image/jpeg", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'",
			"Cache-Control": "private, no-store", "Cross-Origin-Resource-Policy": "same-origin"} {
			if got.head.Get(name) != want {
				t.Errorf("%s: %q", name, got.head.Get(name))
			}
		}
		w.want(1, looked)
		if alt, _ := p.Find("[data-stage] img").Attr("alt"); alt != "molar.jpg, a picture of 300 by 200 pixels" {
			t.Errorf("alt = %q", alt)
		}
		// A picture asked for without a recorded page, or with that of somebody else, is recorded itself.
		for i, path := range []string{"/mail/attachments/" + id + "/page/0", "/mail/attachments/" + id + "/page/" + strings.Repeat("0", 24) + "-0"} {
			if got := w.get("santos", path); got.code != http.StatusOK {
				t.Errorf("%s: %d", path, got.code)
			}
			w.want(int64(i+2), looked)
		}
		if got := w.get("dana", src); got.code != http.StatusOK {
			t.Errorf("dana, by santos's address: %d", got.code)
		}
		w.want(4, looked)
		for _, bad := range []string{"/page/1", "/page/-1", "/page/x", "/page/99999999999999999999", "/info/0", "/secret/0", "/page/..%2f0", "/raw/0"} {
			if got := w.get("santos", "/mail/attachments/"+id+bad); got.code != http.StatusNotFound {
				t.Errorf("%s: %d", bad, got.code)
			}
		}
		n := w.count(looked)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodHead, "https://portal.example/mail/attachments/"+id+"/view", nil)
		if got := w.do(r, "santos"); got.code != http.StatusOK || got.raw != "" {
			t.Errorf("HEAD: %d %q", got.code, got.raw)
		}
		r = httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://portal.example/mail/attachments/"+id+"/view", nil)
		r.Header.Set("Sec-Purpose", "prefetch")
		if got := w.do(r, "santos"); got.code != http.StatusServiceUnavailable {
			t.Errorf("fetched ahead: %d", got.code)
		}
		w.want(n, looked)
	})
}

// seesNothing: neither page nor picture nor comparison shows somebody a file.
func (w *world) seesNothing(who, id, own string) {
	w.t.Helper()
	for _, path := range []string{id + "/view", id + "/page/0", id + "/thumb/0", id + "/raw/0", own + "/view?with=" + id} {
		if p := w.get(who, "/mail/attachments/"+path); p.code != http.StatusNotFound || strings.Contains(p.raw, "molar") {
			w.t.Errorf("%s, %s: %d", who, path, p.code)
		}
	}
}

// TestViewRefused: strangers, a withdrawn message, an ended access, a file that is not clean, somebody else's draft.
func TestViewRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.draws()
		_, own := w.sendFiles("santos", "dana@example.org", upload{"own.png", drawing(9, 9)})
		sent, links := w.sendFiles("dana", "santos@example.org", upload{"molar.jpg", photo(30, 20)})
		id, ownID := links["molar.jpg"], own["own.png"]
		refused := w.count("SELECT COUNT(*) FROM audit_event WHERE action = 'access.refused'")
		w.seesNothing("fred", id, ownID)
		w.seesNothing("ruth", id, ownID)
		if n := w.count("SELECT COUNT(*) FROM audit_event WHERE action = 'access.refused'"); n < refused+8 {
			t.Errorf("%d refusals in the trail", n-refused)
		}
		if p := w.get("", "/mail/attachments/"+id+"/page/0"); p.code == http.StatusOK {
			t.Error("without a session")
		}
		if p := w.get("santos", "/mail/attachments/"+ownID+"/view?with="+id); p.code != http.StatusNotFound {
			t.Errorf("compared with a file of another conversation: %d", p.code)
		}
		w.exec("UPDATE attach_file SET state = 'scanning' WHERE id = (SELECT file_id FROM attach_link WHERE id = $1)", id)
		w.seesNothing("santos", id, ownID)
		w.exec("UPDATE attach_file SET state = 'clean' WHERE state = 'scanning'")
		w.exec("UPDATE mail_delivery SET access_until = $1 WHERE message_id = $2 AND user_id = 'u-santos'", w.clock.Now().Add(-time.Minute).UnixMicro(), sent.MessageID)
		w.seesNothing("santos", id, ownID)
		w.exec("UPDATE mail_delivery SET access_until = NULL")
		if p := w.get("santos", "/mail/attachments/"+id+"/page/0"); p.code != http.StatusOK {
			t.Fatalf("with access: %d", p.code)
		}
		w.post("dana", "/mail/m/"+sent.MessageID+"/recall", nil)
		w.seesNothing("santos", id, ownID)
		if p := w.get("dana", "/mail/attachments/"+id+"/view"); p.code != http.StatusOK {
			t.Errorf("its author: %d", p.code)
		}
	})
}

// TestViewOfDrafts: one's own, and nobody else's.
func TestViewOfDrafts(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.draws()
		_, own := w.sendFiles("santos", "dana@example.org", upload{"own.png", drawing(9, 9)})
		draft := w.draftWith("dana", "", "molar.jpg", photo(30, 20))
		w.work()
		w.draw()
		id := w.text("SELECT id FROM attach_link WHERE holder = 'mail:" + draft + "'")
		if p := w.get("dana", "/mail/attachments/"+id+"/view"); p.code != http.StatusOK || p.Find(`a[href="/mail/d/`+draft+`"]`).Length() != 1 {
			t.Errorf("its author: %d", p.code)
		}
		w.seesNothing("santos", id, own["own.png"])
	})
}

// TestViewKinds: each kind of file has its viewer, all that is written in it is only text, and what cannot be shown says why.
func TestViewKinds(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.draws()
	_, links := w.sendFiles("dana", "santos@example.org", upload{"notes.txt", []byte("First line\n<script>alert(1)</script>\nZ\xe4hne")}, upload{"plan.pdf", document(3)},
		upload{"broken.png", append(drawing(50, 50)[:60], "and no more"...)}, upload{"arch.stl", stl()})
	_, more := w.sendFiles("dana", "santos@example.org", upload{"list.csv", []byte("Name;Date;Tooth\n\"Ruth; O.\";2026-11-02;14\n<script>alert(1)</script>;=1+1;30\n")})
	if p := w.get("santos", "/mail/attachments/"+more["list.csv"]+"/view"); p.text("th:first-child") != "Name" || p.text("tr:nth-child(2) td:first-child") != "Ruth; O." || strings.Contains(p.raw, "<script>alert") {
		t.Errorf("table: %s", p.text("table"))
	}
	view := func(name, query string) page { return w.get("santos", "/mail/attachments/"+links[name]+"/view"+query) }
	if p := view("notes.txt", ""); !strings.Contains(p.text("pre"), "First line <script>alert(1)</script> Zähne") || strings.Contains(p.raw, "<script>alert") {
		t.Errorf("text: %s", p.raw)
	}
	if _, err := os.Stat("/usr/bin/pdftoppm"); err == nil {
		p := view("plan.pdf", "?page=2")
		if !strings.Contains(p.text("main"), "Page 2 of 3") || !strings.Contains(p.text("details"), "Treatment plan, page 3") || strings.Contains(p.text("main"), "Not for diagnosis") {
			t.Errorf("document: %s", p.text("main"))
		}
		for words, want := range map[string]string{"Previous page": "/view?page=1", "Next page": "/view?page=3"} {
			if href, _ := p.Find(`a[data-do]:contains("` + words + `")`).Attr("href"); href != "/mail/attachments/"+links["plan.pdf"]+want {
				t.Errorf("%s leads to %q", words, href)
			}
		}
		for _, q := range []string{"?page=99", "?page=-4", "?page=x", "?frame=7"} {
			if p := view("plan.pdf", q); p.code != http.StatusOK {
				t.Errorf("%s: %d", q, p.code)
			}
		}
	}
	if p := view("broken.png", ""); !strings.Contains(p.text("main"), "This file cannot be shown. It may be damaged") || p.Find("a[download]").Length() != 1 {
		t.Errorf("broken: %s", p.text("main"))
	}
	if p := view("arch.stl", ""); p.Find("[data-model]").Length() != 1 {
		t.Errorf("model: %s", p.text("main"))
	}
}

func stl() []byte {
	return []byte("solid x\nfacet normal 0 0 1\n outer loop\n  vertex 0 0 0\n  vertex 9 0 0\n  vertex 0 9 0\n endloop\nendfacet\nendsolid x\n")
}

// TestCompare: two files beside each other, each with its own page; the list offers what has pictures.
func TestCompare(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.draws()
	sent, links := w.sendFiles("dana", "santos@example.org", upload{"before.jpg", photo(300, 200)}, upload{"notes.txt", []byte("Words")})
	d := w.draftWith("santos", sent.ThreadID, "after.jpg", photo(200, 300))
	_, err := w.Reply(t.Context(), w.people["santos"], mail.Reply{DraftID: d, ThreadID: sent.ThreadID, Body: "After"})
	must(t, err)
	w.work()
	w.draw()
	p := w.get("santos", "/mail/attachments/"+links["before.jpg"]+"/view")
	if got := p.text("select[name=with]"); got != "after.jpg" {
		t.Errorf("to compare with: %q", got)
	}
	if p.Find(`a:contains("Next file")`).Length() != 1 || p.Find(`a:contains("Previous file")`).Length() != 0 {
		t.Error("the neighbours are wrong")
	}
	after, _ := p.Find("select[name=with] option").Attr("value")
	p = w.get("santos", "/mail/attachments/"+links["before.jpg"]+"/view?with="+after)
	if p.code != http.StatusOK || p.text("h1") != "Compare before.jpg and after.jpg" || p.Find(".compare [data-stage] img").Length() != 2 {
		t.Errorf("%d %s", p.code, p.text("main"))
	}
	w.want(1, "SELECT COUNT(*) FROM audit_event WHERE action = 'file.previewed' AND subject_id = $1", after)
}
