package preview_test

import (
	"bytes"
	"os"
	"testing"
	"time"

	"securepractice/internal/preview"
	"securepractice/internal/preview/dicomcodec"
)

// FuzzDICOM: whatever the bytes are, the reader ends without a panic, and what it emits keeps to its limits.
func FuzzDICOM(f *testing.F) {
	if list, err := os.ReadDir(pydicomData + "/test_files"); err == nil {
		for _, e := range list {
			data, err := os.ReadFile(pydicomData + "/test_files/" + e.Name())
			if err == nil && len(data) < 8000 {
				f.Add(data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		begin, total := time.Now(), 0
		_ = preview.DICOM(bytes.NewReader(data), int64(len(data)), func(p preview.Page) error {
			total += len(p.Data)
			return nil
		})
		if took := time.Since(begin); total > 200<<20 || took > 5*time.Second {
			t.Errorf("%d bytes of pictures from %d in %s", total, len(data), took)
		}
	})
}

// FuzzDICOMCodecs throws bytes at each decoder by itself. They may refuse, but neither panic nor hang; here without the
// net that DICOM has.
func FuzzDICOMCodecs(f *testing.F) {
	f.Add([]byte("\xFF\xD8\xFF\xC3\x00\x0B\x08\x00\x04\x00\x04\x01\x01\x11\x00"))
	f.Add([]byte("\xFF\xD8\xFF\xF7\x00\x0B\x08\x00\x04\x00\x04\x01\x01\x11\x00\xFF\xDA\x00\x08\x01\x01\x00\x00\x00\x00\x01\x02\x03"))
	for _, name := range []string{"MR_small_jp2klossless", "MR_small_jpeg_ls_lossless", "SC_rgb_jpeg_gdcm", "JPGExtended", "SC_rgb_gdcm_KY"} {
		data, err := os.ReadFile(pydicomData + "/test_files/" + name + ".dcm")
		for _, mark := range []string{"\xFF\xD8\xFF", "\xFF\x4F\xFF\x51"} {
			if i := bytes.Index(data, []byte(mark)); err == nil && i > 0 {
				f.Add(data[i:])
			}
		}
	}
	f.Fuzz(func(_ *testing.T, data []byte) {
		const most = 1 << 16
		_, _ = dicomcodec.JPEG(data, most)
		_, _ = dicomcodec.JPEGLS(data, most)
		_, _ = dicomcodec.JPEG2000(data, most)
		_, _ = dicomcodec.RLE(data, 16, 16, 1, 2, most)
		_, _ = dicomcodec.JPEGFrame(data)
	})
}
