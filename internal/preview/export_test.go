package preview

import "io"

// AddRenderer gives tests renderers that behave as they like, in the worker too.
func AddRenderer(ext string, most int64, r Renderer) { renderers[ext] = kind{r, most} }

// For tests of what a worker may answer.
var (
	ReadPages  = readPages
	WriteFrame = writeFrame
	WritePage  = writePage
	WriteEnd   = writeEnd
)

// RunHere renders without a worker, for fuzzing.
func RunHere(ext string, src io.ReadSeeker, size int64, emit func(Page) error) error {
	return render(ext, src, size, emit)
}

// Plain makes a runner ask for no name spaces, as where the kernel grants none.
func (r *Runner) Plain() { r.plain = true }

// Raced says that memory is not limited here.
const Raced = raced

// HeifModule is the module's bytes.
func HeifModule() []byte { return heifModule }
