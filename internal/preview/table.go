package preview

import (
	"bytes"
	"io"
)

// kind says how files of one sort are rendered.
type kind struct {
	render Renderer
	most   int64 // bytes of a file that is still read
}

const mb = 1_000_000

var (
	picture  = kind{Picture, 100 * mb}
	document = kind{PDF, 200 * mb}
	writing  = kind{Text, 300 * mb} // only its beginning is read
	phone    = kind{HEIC, 50 * mb}
)

// renderers by extension. What is not here is shown by the browser itself (models, sound, video), or not at all.
var renderers = map[string]kind{
	"jpg": picture, "jpeg": picture, "jpe": picture, "png": picture, "gif": picture, "bmp": picture,
	"tif": picture, "tiff": picture, "webp": picture, "heic": phone, "heif": phone,
	"pdf": document, "ai": document,
	"txt": writing, "text": writing, "log": writing, "rtx": writing, "xml": writing, "xsl": writing, "vcf": writing, "vcard": writing,
	"csv": {Table, 300 * mb},
	"dcm": {DICOM, 300 * mb},
}

// Can says whether files of an extension have a renderer.
func Can(ext string) bool { _, ok := renderers[ext]; return ok }

// render finds the renderer of an extension and runs it. A panic in it is a broken file.
func render(ext string, src io.ReadSeeker, size int64, emit func(Page) error) (err error) {
	k, ok := renderers[ext]
	switch {
	case !ok:
		return ErrKind
	case size > k.most:
		return ErrTooLarge
	case size <= 0:
		return ErrEmpty
	}
	defer func() {
		if recover() != nil {
			err = ErrBroken
		}
	}()
	return k.render(src, size, emit)
}

// head reads the first bytes of a file and goes back to its beginning.
func head(src io.ReadSeeker, n int64) ([]byte, error) {
	if _, err := src.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if _, err := io.CopyN(&b, src, n); err != nil && err != io.EOF { //nolint:errorlint // CopyN gives io.EOF itself
		return nil, err
	}
	_, err := src.Seek(0, io.SeekStart)
	return b.Bytes(), err
}
