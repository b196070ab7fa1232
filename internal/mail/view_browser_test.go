package mail_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"image/png"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/a-h/templ"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"securepractice/internal/db/dbtest"
	"securepractice/internal/mail"
	dicom "securepractice/internal/preview"
	"securepractice/internal/ui"
	"securepractice/internal/web"
)

// viewSite serves the parts of the viewer on pages of their own, under a policy that also asks for trusted types.
type viewSite struct {
	*person
	router *web.Router
	files  map[string][]byte
}

func newViewSite(t *testing.T) *viewSite {
	t.Helper()
	w := newWorld(t, dbtest.SQLite(t))
	v := &viewSite{router: w.newRouter(slog.New(slog.DiscardHandler), true), files: map[string][]byte{}}
	v.router.Get(web.Public, "/files/{name}", func(w http.ResponseWriter, r *http.Request) error {
		b, ok := v.files[r.PathValue("name")]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return nil
		}
		http.ServeContent(w, r, r.PathValue("name"), time.Time{}, bytes.NewReader(b))
		return nil
	})
	v.router.Get(web.Public, "/as/{name}", func(w http.ResponseWriter, r *http.Request) error {
		web.SetSession(w, r, r.PathValue("name"))
		return web.Redirect(w, r, "/mail/inbox")
	})
	site := httptest.NewServer(v.router.Handler())
	t.Cleanup(site.Close)
	ctx, bad := newTab(t)
	v.person = &person{t: t, ctx: ctx, site: site.URL, bad: bad}
	return v
}

// serve puts a part on a page.
func (v *viewSite) serve(path, title string, part func(r *http.Request) templ.Component) {
	v.router.Get(web.Public, path, func(w http.ResponseWriter, r *http.Request) error {
		web.AllowMedia(w)
		w.Header().Set("Content-Security-Policy", w.Header().Get("Content-Security-Policy")+"; require-trusted-types-for 'script'")
		return web.Render(w, r, http.StatusOK, templ.ComponentFunc(func(ctx context.Context, out io.Writer) error {
			heading := templ.ComponentFunc(func(ctx context.Context, out io.Writer) error {
				if _, err := io.WriteString(out, "<h1>"+templ.EscapeString(title)+"</h1>"); err != nil {
					return err
				}
				return part(r).Render(ctx, out)
			})
			return ui.Desk(ui.Head{Title: title}).Render(templ.WithChildren(ctx, heading), out)
		}))
	})
}

// serveDICOM renders a file and puts its part on a page.
func (v *viewSite) serveDICOM(name string, file []byte) dicom.DicomInfo {
	v.t.Helper()
	var info dicom.DicomInfo
	must(v.t, dicom.DICOM(bytes.NewReader(file), int64(len(file)), func(p dicom.Page) error {
		if p.Kind == "info" {
			return json.Unmarshal(p.Data, &info)
		}
		v.files[fmt.Sprintf("%s-%s-%d", name, p.Kind, p.N)] = p.Data
		return nil
	}))
	v.serve("/view/"+name, name, func(r *http.Request) templ.Component {
		n, _ := strconv.Atoi(r.URL.Query().Get("frame"))
		return mail.DicomPart(info, "/view/"+name, "/files/"+name+"-page-", "/files/"+name+"-raw-", n)
	})
	return info
}

// dicomWriter writes a DICOM file, explicit and little endian.
type dicomWriter struct{ bytes.Buffer }

func (w *dicomWriter) put(tag uint32, vr string, value []byte) {
	if len(value)%2 == 1 {
		value = append(value, ' ')
	}
	b := binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(nil, uint16(tag>>16)), uint16(tag))
	b = append(b, vr...)
	if vr == "OW" || vr == "OB" {
		b = binary.LittleEndian.AppendUint32(append(b, 0, 0), uint32(len(value)))
	} else {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(value)))
	}
	w.Write(b)
	w.Write(value)
}

func (w *dicomWriter) short(tag uint32, v int) {
	w.put(tag, "US", binary.LittleEndian.AppendUint16(nil, uint16(v)))
}

func (w *dicomWriter) text(tag uint32, vr, v string) { w.put(tag, vr, []byte(v)) }

// jaw is a volume of frames in which something like teeth grows and shrinks: values from -1000 to 3000.
func jaw(w, h, frames int) []byte {
	var f dicomWriter
	f.Write(make([]byte, 128))
	f.WriteString("DICM")
	f.text(0x00020010, "UI", "1.2.840.10008.1.2.1")
	f.text(0x00080020, "DA", "20261012")
	f.text(0x00080060, "CS", "CT")
	f.text(0x00081030, "LO", "CBCT lower jaw")
	f.text(0x00100010, "PN", "Alvarez^Jordan")
	f.text(0x00100020, "LO", "HP-1042")
	f.short(0x00280002, 1)
	f.text(0x00280004, "CS", "MONOCHROME2")
	f.text(0x00280008, "IS", strconv.Itoa(frames))
	f.short(0x00280010, h)
	f.short(0x00280011, w)
	f.text(0x00280030, "DS", `0.2\0.2`)
	f.short(0x00280100, 16)
	f.short(0x00280101, 12)
	f.short(0x00280102, 11)
	f.short(0x00280103, 0)
	f.text(0x00281050, "DS", `400\1500`)
	f.text(0x00281051, "DS", `2000\3000`)
	f.text(0x00281052, "DS", "-1000")
	f.text(0x00281053, "DS", "1")
	f.text(0x00281055, "LO", `Soft tissue\Bone`)
	var px []byte
	for n := range frames {
		for y := range h {
			for x := range w {
				px = binary.LittleEndian.AppendUint16(px, uint16(1000+jawAt(float64(x)/float64(w), float64(y)/float64(h), float64(n)/float64(frames))))
			}
		}
	}
	f.put(0x7FE00010, "OW", px)
	return f.Bytes()
}

func jawAt(x, y, z float64) int {
	v := -900.0
	arch := math.Hypot((x-0.5)*1.15, (y-0.15)*0.95)
	if arch < 0.62 {
		v = 60
	}
	if d := math.Abs(arch-0.5) / 0.09; d < 1 && y > 0.12 {
		v = 700 - 300*d
		a := math.Atan2(y-0.15, x-0.5)
		if t := math.Abs(math.Sin(a * 14)); t > 0.35+0.3*z {
			v = 1600 + 1000*(1-d)*t
		}
	}
	return int(v + 40*math.Sin(x*80+z*9)*math.Cos(y*70))
}

// TestDICOMViewer works the viewer by mouse, by keys and by its controls, and looks at it.
func TestDICOMViewer(t *testing.T) {
	v := newViewSite(t)
	info := v.serveDICOM("jaw", jaw(320, 256, 6))
	if info.Shown != 6 || len(info.Windows) != 3 || info.Raw[0].Intercept != -1000 {
		t.Fatalf("described as %+v", info)
	}
	step(t, v.ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(v.site+"/as/dana"), chromedp.Navigate(v.site+"/view/jaw"))
	v.until(`document.querySelector('.stage.live canvas') && document.querySelector('[data-stage]').dataset.drawn === '0'`)
	grey := func(x, y int) float64 {
		return look[float64](t, v.ctx, fmt.Sprintf(`document.querySelector('.stage canvas').getContext('2d').getImageData(%d, %d, 1, 1).data[0]`, x, y))
	}
	page := decodeGrey(t, v.files["jaw-page-0"])
	for _, at := range [][2]int{{0, 0}, {160, 60}, {160, 165}, {40, 100}, {250, 130}} {
		if got, want := grey(at[0], at[1]), page(at[0], at[1]); math.Abs(got-want) > 0 {
			t.Errorf("at %v the browser shows %.0f, the server %.0f", at, got, want)
		}
	}
	before := grey(160, 60)
	look[bool](t, v.ctx, `(() => { const e = document.querySelector('[data-level]'); e.value = 1200; e.dispatchEvent(new Event('input', {bubbles: true})); return true })()`)
	v.until(`document.querySelector('[data-level-text]').textContent === '1200 HU' && document.querySelector('[data-preset]').value === 'own'`)
	if after := grey(160, 60); after >= before {
		t.Errorf("a higher level makes the picture darker: %.0f, then %.0f", before, after)
	}
	look[bool](t, v.ctx, `(() => { const e = document.querySelector('[data-preset]'); e.value = '1'; e.dispatchEvent(new Event('change', {bubbles: true})); return true })()`)
	v.until(`document.querySelector('[data-level-text]').textContent === '1500 HU' && document.querySelector('[data-width-text]').textContent === '3000 HU'`)
	v.keyOn("[data-stage]", "i", false)
	v.until(`document.querySelector('[data-do=invert]').getAttribute('aria-pressed') === 'true'`)
	if inverted := grey(0, 0); inverted < 200 {
		t.Errorf("air is %.0f when inverted", inverted)
	}
	v.keyOn("[data-stage]", "ArrowRight", false)
	v.until(`document.querySelector('[data-stage]').dataset.drawn === '1' && document.querySelector('[data-frame-text]').textContent === '2 of 6'`)
	v.keyOn("[data-stage]", "+", false)
	v.until(`document.querySelector('[data-stage]').dataset.zoom === '1.25'`)
	v.keyOn("[data-stage]", "ArrowUp", true)
	v.keyOn("[data-stage]", "0", false)
	v.until(`document.querySelector('[data-stage]').dataset.zoom === '1.00' && document.querySelector('[data-level-text]').textContent === '400 HU'`)
	look[bool](t, v.ctx, `(() => { document.querySelector('[data-do=play]').click(); return true })()`)
	v.until(`document.querySelector('[data-stage]').dataset.drawn === '4' && document.querySelector('[data-do=play]').textContent === 'Pause'`)
	look[bool](t, v.ctx, `(() => { document.querySelector('[data-do=play]').click(); return true })()`)
	v.drag(".stage", 60, 40)
	v.until(`document.querySelector('[data-preset]').value === 'own'`)
	v.pinch(".stage", 100, 200)
	v.until(`document.querySelector('[data-stage]').dataset.zoom === '2.00'`)
	v.looks(view{name: "dicom", as: "dana", path: "/view/jaw", until: `document.querySelector('.stage.live') && document.querySelector('[data-stage]').dataset.drawn === '0'`})
	v.noViolation()
}

// TestDICOMWithoutScripts: the picture as the file asks for it, the next frame behind a link, the table.
func TestDICOMWithoutScripts(t *testing.T) {
	v := newViewSite(t)
	v.serveDICOM("jaw", jaw(64, 64, 3))
	_, err := chromedp.Call(v.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	must(t, err)
	paint(t, v.ctx, "light")
	step(t, v.ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(v.site+"/view/jaw"), chromedp.WaitReady(chromedp.CSS("main")))
	v.shows("Not for diagnosis")
	v.shows("Alvarez, Jordan")
	v.shows("Frame 1 of 3")
	v.hit(`a[href="/view/jaw?frame=1"]`)
	v.shows("Frame 2 of 3")
	if !look[bool](t, v.ctx, `document.querySelector('.stage img').naturalWidth === 64 && !document.querySelector('canvas')`) {
		t.Error("the picture is not there")
	}
	shot(t, v.ctx, "dicom-plain")
}

// TestDICOMChangedPixels: where a browser changes what a page reads, the server's own pictures are shown.
func TestDICOMChangedPixels(t *testing.T) {
	v := newViewSite(t)
	v.serveDICOM("jaw", jaw(64, 64, 2))
	v.files["jaw-raw-0"] = v.files["jaw-raw-1"]
	step(t, v.ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(v.site+"/view/jaw"))
	v.until(`document.querySelector('[data-said]').textContent.includes('Level and window are off') && document.querySelector('[data-window]').hidden && document.querySelector('[data-stage]').dataset.drawn === '0'`)
}

// TestDICOMFrameGone: a frame that does not come says so, and the one before stays.
func TestDICOMFrameGone(t *testing.T) {
	v := newViewSite(t)
	v.serveDICOM("jaw", jaw(64, 64, 4))
	delete(v.files, "jaw-raw-2")
	step(t, v.ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(v.site+"/view/jaw"))
	v.until(`document.querySelector('[data-stage]').dataset.drawn === '0'`)
	look[bool](t, v.ctx, `(() => { const e = document.querySelector('[data-frames]'); for (const n of [2, 4, 3]) { e.value = n; e.dispatchEvent(new Event('input', {bubbles: true})) } return true })()`)
	v.until(`document.querySelector('[data-said]').textContent.startsWith('Frame 3 could not be loaded.') && document.querySelector('[data-stage]').dataset.drawn === '1' && document.querySelector('[data-frames]').value === '2'`)
}

// TestDICOMReason: a file without a picture says so.
func TestDICOMReason(t *testing.T) {
	v := newViewSite(t)
	v.serve("/view/none", "Report", func(*http.Request) templ.Component {
		return mail.DicomPart(dicom.DicomInfo{Reason: "This DICOM file holds no picture.", Fields: []dicom.DicomField{{Name: "Modality", Value: "Report (SR)"}}}, "", "", "", 0)
	})
	v.looks(view{name: "dicom-none", as: "dana", path: "/view/none"})
	v.noViolation()
}

func decodeGrey(t *testing.T, data []byte) func(x, y int) float64 {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(data))
	must(t, err)
	return func(x, y int) float64 {
		r, _, _, _ := img.At(x, y).RGBA()
		return float64(r >> 8)
	}
}

// keyOn presses a key on an element that takes the focus first.
func (v *viewSite) keyOn(selector, key string, shift bool) {
	v.t.Helper()
	look[bool](v.t, v.ctx, fmt.Sprintf(`(() => { const e = document.querySelector(%q); e.focus(); if (document.activeElement !== e) throw new Error('no focus'); e.dispatchEvent(new KeyboardEvent('keydown', {key: %q, shiftKey: %v, bubbles: true, cancelable: true})); return true })()`, selector, key, shift))
}

// drag moves a pointer over an element.
func (v *viewSite) drag(selector string, dx, dy int) {
	v.t.Helper()
	look[bool](v.t, v.ctx, fmt.Sprintf(`(() => { const e = document.querySelector(%q); const b = e.getBoundingClientRect(); const at = (x, y) => ({pointerId: 1, pointerType: 'mouse', isPrimary: true, clientX: b.left + b.width / 2 + x, clientY: b.top + b.height / 2 + y, bubbles: true, buttons: 1});
		e.setPointerCapture = () => {}; e.dispatchEvent(new PointerEvent('pointerdown', at(0, 0))); e.dispatchEvent(new PointerEvent('pointermove', at(%d, %d))); e.dispatchEvent(new PointerEvent('pointerup', at(%d, %d))); return true })()`, selector, dx, dy, dx, dy))
}

// pinch puts two fingers on an element, so far apart, and draws them to another distance.
func (v *viewSite) pinch(selector string, from, to int) {
	v.t.Helper()
	look[bool](v.t, v.ctx, fmt.Sprintf(`(() => { const e = document.querySelector(%q); const b = e.getBoundingClientRect(); e.setPointerCapture = () => {};
		const put = (kind, id, x) => e.dispatchEvent(new PointerEvent(kind, {pointerId: id, pointerType: 'touch', clientX: b.left + b.width / 2 + x, clientY: b.top + b.height / 2, bubbles: true, buttons: 1}));
		put('pointerdown', 1, -%[2]d / 2); put('pointerdown', 2, %[2]d / 2); put('pointermove', 2, %[3]d - %[2]d / 2); put('pointerup', 1, -%[2]d / 2); put('pointerup', 2, 0); return true })()`, selector, from, to))
}
