package mail

import (
	"github.com/a-h/templ"

	dicom "securepractice/internal/preview"
)

// The parts of the viewer for tests outside the package.

func DicomPart(info dicom.DicomInfo, here, page, raw string, frame int) templ.Component {
	return dicomPart(dicomView{info: info, here: here, page: page, raw: raw, download: "/file", frame: frame})
}

func ModelPart(kind string, size int64, address string) templ.Component {
	return modelPart(modelView{kind: kind, size: size, download: address})
}

func MediaPart(name, src string) templ.Component { return mediaPart(newMediaView(name, src, "/file")) }
