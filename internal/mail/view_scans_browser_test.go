package mail_test

import (
	"testing"

	"securepractice/internal/db/dbtest"
)

// TestScansInViewer sends a volume, models and a recording, and opens each on the real page: rendered by the worker,
// sealed, opened, drawn.
func TestScansInViewer(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.draws()
	list := crown(40)
	_, links := w.sendFiles("dana", "santos@example.org", upload{"CBCT Alvarez.dcm", jaw(320, 256, 8)}, upload{"Crown 30.stl", stlBinary(list)}, upload{"Crown 31.obj", objText(list)}, upload{"Dictation.wav", wav(2)})
	p := w.browse()
	p.as("santos")
	at := func(name string) string { return "/mail/attachments/" + links[name] + "/view" }
	p.looks(view{name: "scan-dicom", as: "santos", path: at("CBCT Alvarez.dcm"), until: `document.querySelector('.stage.live canvas') && document.querySelector('[data-stage]').dataset.drawn === '0' && document.querySelector('[data-level-text]').textContent === '400 HU'`})
	p.looks(view{name: "scan-stl", as: "santos", path: at("Crown 30.stl"), until: `document.querySelector('[data-said]').textContent.startsWith('3,200 triangles.') && document.querySelector('.stage.live canvas')`})
	p.looks(view{name: "scan-obj", as: "santos", path: at("Crown 31.obj"), until: `document.querySelector('[data-said]').textContent.startsWith('3,200 triangles.') && document.querySelector('.stage.live canvas')`})
	p.looks(view{name: "scan-wav", as: "santos", path: at("Dictation.wav"), until: `document.querySelector('audio').duration > 1.9`})
	p.noViolation()
}
