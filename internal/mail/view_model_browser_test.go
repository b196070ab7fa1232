package mail_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"image/png"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"
	"github.com/chromedp/chromedp"

	"securepractice/internal/mail"
)

// crown lists the triangles of something like a crown: 12 mm wide and deep, 9 mm high.
func crown(n int) (list [][3][3]float64) {
	at := func(i, j int) [3]float64 {
		a, h := 2*math.Pi*float64(i)/float64(n), float64(j)/float64(n)
		r := 6 * (1 - 0.35*h*h) * (1 - 0.06*(1-math.Cos(4*a))*h)
		return [3]float64{r * math.Cos(a), r * math.Sin(a), 9 * h * (0.86 + 0.14*math.Cos(4*a))}
	}
	for j := range n {
		for i := range n {
			a, b, c, d := at(i, j), at(i+1, j), at(i+1, j+1), at(i, j+1)
			list = append(list, [3][3]float64{a, b, c}, [3][3]float64{a, c, d})
		}
	}
	return list
}

func stlBinary(list [][3][3]float64) []byte {
	out := append(make([]byte, 80), 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(out[80:], uint32(len(list)))
	for _, t := range list {
		for _, p := range append([][3]float64{{}}, t[:]...) {
			for _, v := range p {
				out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(v)))
			}
		}
		out = append(out, 0, 0)
	}
	return out
}

func stlText(list [][3][3]float64) []byte {
	var b bytes.Buffer
	b.WriteString("solid crown\n")
	for _, t := range list {
		b.WriteString("facet normal 0 0 0\nouter loop\n")
		for _, p := range t {
			fmt.Fprintf(&b, "vertex %g %g %g\n", p[0], p[1], p[2])
		}
		b.WriteString("endloop\nendfacet\n")
	}
	b.WriteString("endsolid crown\n")
	return b.Bytes()
}

func plyText(list [][3][3]float64) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "ply\nformat ascii 1.0\nelement vertex %d\nproperty float x\nproperty float y\nproperty float z\nproperty uchar red\nproperty uchar green\nproperty uchar blue\nelement face %d\nproperty list uchar int vertex_indices\nend_header\n", 3*len(list), len(list))
	for _, t := range list {
		for _, p := range t {
			fmt.Fprintf(&b, "%g %g %g 230 %d 170\n", p[0], p[1], p[2], 120+int(p[2]*14))
		}
	}
	for i := range list {
		fmt.Fprintf(&b, "3 %d %d %d\n", 3*i, 3*i+1, 3*i+2)
	}
	return b.Bytes()
}

func objText(list [][3][3]float64) []byte {
	var b bytes.Buffer
	for _, t := range list {
		for _, p := range t {
			fmt.Fprintf(&b, "v %g %g %g\n", p[0], p[1], p[2])
		}
	}
	for i := range list {
		fmt.Fprintf(&b, "f %d %d %d\n", 3*i+1, 3*i+2, 3*i+3)
	}
	return b.Bytes()
}

func (v *viewSite) serveModel(name, kind string, size int64) {
	v.serve("/view/"+name, name, func(*http.Request) templ.Component { return mail.ModelPart(kind, size, "/files/"+name) })
}

// TestModelViewer loads each kind of model, turns it and looks at it.
func TestModelViewer(t *testing.T) {
	v := newViewSite(t)
	list := crown(60)
	for name, file := range map[string][]byte{"crown.stl": stlBinary(list), "text.stl": stlText(list), "crown.ply": plyText(list), "crown.obj": objText(list)} {
		v.files[name] = file
		v.serveModel(name, name[len(name)-3:], int64(len(file)))
	}
	step(t, v.ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(v.site+"/as/dana"))
	for _, name := range []string{"crown.stl", "text.stl", "crown.ply", "crown.obj"} {
		step(t, v.ctx, chromedp.Navigate(v.site+"/view/"+name))
		v.until(`document.querySelector('[data-said]').textContent.startsWith('7,200 triangles. 12 × 12 × 9 mm')`)
		v.until(`document.querySelector('.stage.live canvas') && !document.querySelector('[data-tools]').hidden && document.querySelector('[data-progress]').hidden`)
		v.lit()
		shot(t, v.ctx, "model-"+name)
	}
	look[bool](t, v.ctx, `(() => { document.querySelector('[data-view=top]').click(); return true })()`)
	v.until(`document.querySelector('[data-stage]').dataset.view === 'top'`)
	shot(t, v.ctx, "model-top")
	v.keyOn("[data-stage]", "ArrowLeft", false)
	v.until(`document.querySelector('[data-stage]').dataset.view === 'own'`)
	v.keyOn("[data-stage]", "2", false)
	v.until(`document.querySelector('[data-stage]').dataset.view === 'left'`)
	v.keyOn("[data-stage]", "+", false)
	v.keyOn("[data-stage]", "ArrowUp", true)
	v.keyOn("[data-stage]", "0", false)
	v.until(`document.querySelector('[data-stage]').dataset.view === 'front'`)
	v.looks(view{name: "model", as: "dana", path: "/view/crown.stl", until: `document.querySelector('.stage.live canvas')`})
	v.noViolation()
}

// lit: in the middle of the stage is a model with light on it, neither black nor the ground's own colour.
func (v *viewSite) lit() {
	t := v.t
	t.Helper()
	x := look[float64](t, v.ctx, `(() => { const b = document.querySelector('[data-stage]').getBoundingClientRect(); return b.left + b.width / 2 })()`)
	y := look[float64](t, v.ctx, `(() => { const b = document.querySelector('[data-stage]').getBoundingClientRect(); return b.top + b.height / 2 })()`)
	for range 50 {
		raw, err := chromedp.Run(v.ctx, chromedp.CaptureScreenshot())
		must(t, err)
		img, err := png.Decode(bytes.NewReader(raw))
		must(t, err)
		r, g, b, _ := img.At(int(x), int(y)).RGBA()
		if r>>8 > 90 && r>>8 > b>>8+12 && g > 0 {
			return
		}
		time.Sleep(40 * time.Millisecond)
	}
	t.Error("no model in light on the stage")
}

// TestModelProblems: what cannot be shown says why, and leads to the download.
func TestModelProblems(t *testing.T) {
	v := newViewSite(t)
	v.files["empty.obj"] = []byte("# nothing\n")
	v.files["broken.stl"] = append(make([]byte, 80), 255, 255, 255, 255)
	v.files["short.stl"] = stlBinary(crown(4))
	v.serveModel("empty.obj", "obj", 10)
	v.serveModel("broken.stl", "stl", 84)
	v.serveModel("short.stl", "stl", 10_000)
	v.serveModel("gone.stl", "stl", 84)
	v.serveModel("huge.stl", "stl", 200_000_000)
	for name, words := range map[string]string{
		"empty.obj": "This file holds no 3D model.", "broken.stl": "It may be damaged", "short.stl": "could not be loaded whole", "gone.stl": "The model could not be loaded.",
		"huge.stl": "This model is too large to be shown here (200 MB, at most 120 MB).",
	} {
		step(t, v.ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(v.site+"/view/"+name))
		v.shows(words)
		v.shows("Download the file")
	}
	for _, line := range v.bad() {
		if !strings.Contains(line, "404") {
			t.Errorf("console: %s", line)
		}
	}
}

// TestMediaPlayer plays a recording with the browser's own player, and says what it cannot play.
func TestMediaPlayer(t *testing.T) {
	v := newViewSite(t)
	v.files["tone.wav"] = wav(2)
	v.serve("/view/tone.wav", "tone.wav", func(*http.Request) templ.Component { return mail.MediaPart("tone.wav", "/files/tone.wav") })
	v.serve("/view/film.avi", "film.avi", func(*http.Request) templ.Component { return mail.MediaPart("film.avi", "/files/film.avi") })
	step(t, v.ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(v.site+"/as/dana"), chromedp.Navigate(v.site+"/view/tone.wav"))
	v.until(`Math.abs(document.querySelector('audio').duration - 2) < 0.01`)
	v.shows("If it does not play")
	v.looks(view{name: "media", as: "dana", path: "/view/tone.wav"})
	v.looks(view{name: "media-none", as: "dana", path: "/view/film.avi"})
	v.shows("Browsers cannot play this kind of file.")
	v.noViolation()
}

// TestVideoPlayer plays a film that the browser itself has recorded.
func TestVideoPlayer(t *testing.T) {
	v := newViewSite(t)
	step(t, v.ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(v.site+"/as/dana"))
	played := 0
	for _, kind := range []string{"webm", "mp4"} {
		film := look[string](t, v.ctx, `(async () => {
			if (!MediaRecorder.isTypeSupported('video/`+kind+`')) return '';
			const c = document.createElement('canvas'); c.width = 320; c.height = 180;
			const p = c.getContext('2d'); const r = new MediaRecorder(c.captureStream(20), {mimeType: 'video/`+kind+`'});
			const parts = []; r.ondataavailable = e => parts.push(e.data); const end = new Promise(done => { r.onstop = done });
			r.start(); for (let i = 0; i < 20; i++) { p.fillStyle = 'hsl(' + 18 * i + ' 60% 50%)'; p.fillRect(0, 0, 320, 180); await new Promise(done => setTimeout(done, 40)) }
			r.stop(); await end; const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
			let text = ''; for (const b of bytes) text += String.fromCharCode(b); return btoa(text) })()`)
		if film == "" {
			t.Logf("this browser records no %s", kind)
			continue
		}
		data, err := base64.StdEncoding.DecodeString(film)
		must(t, err)
		name := "film." + kind
		v.files[name] = data
		v.serve("/view/"+name, name, func(*http.Request) templ.Component { return mail.MediaPart(name, "/files/"+name) })
		step(t, v.ctx, chromedp.Navigate(v.site+"/view/"+name))
		v.until(`document.querySelector('video').videoWidth === 320 && document.querySelector('video').readyState >= 2`)
		v.looks(view{name: "video-" + kind, as: "dana", path: "/view/" + name, until: `document.querySelector('video').readyState >= 2`})
		played++
	}
	if played == 0 {
		t.Error("no film was played")
	}
	v.noViolation()
}

// wav is a tone of so many seconds.
func wav(seconds int) []byte {
	const rate = 8000
	n := rate * seconds
	b := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(36+n))
	b = append(b, "WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00"...)
	b = binary.LittleEndian.AppendUint32(b, rate)
	b = binary.LittleEndian.AppendUint32(b, rate)
	b = append(b, "\x01\x00\x08\x00data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(n))
	for i := range n {
		b = append(b, byte(128+60*math.Sin(float64(i)/3)))
	}
	return b
}
