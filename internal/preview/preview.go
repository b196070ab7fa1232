package preview

import "io"

// Page is one picture or one description that a renderer makes of a file.
type Page struct {
	Kind string // "thumb", "page" (what people look at), "raw" (a frame for the browser's own window and level), "info" (JSON)
	N    int    // from 0: page of a document, frame of a series
	Type string // "image/png", "image/jpeg", "application/json"
	W, H int    // pixels; 0 when it is no picture
	Data []byte
}

// Renderer reads a whole file and emits its pages in order; it runs in the worker process, under limits of time and memory.
type Renderer func(src io.ReadSeeker, size int64, emit func(Page) error) error
