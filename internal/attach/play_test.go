package attach

import "testing"

func TestMediaType(t *testing.T) {
	for head, want := range map[string]string{
		"\x00\x00\x00\x20ftypisom":                             "video/mp4",
		"\x00\x00\x00\x14ftypqt  ":                             "video/quicktime",
		"\x00\x00\x00\x20ftypM4A ":                             "audio/mp4",
		"\x00\x00\x10\x00moov":                                 "video/quicktime",
		"\x1A\x45\xDF\xA3\x9F\x42\x86\x81\x01\x42\x82\x84webm": "video/webm",
		"\x1A\x45\xDF\xA3\x9F\x42\x86\x81\x01matroska":         "",
		"RIFF\x24\x00\x00\x00WAVEfmt ":                         "audio/wav",
		"RIFF\x24\x00\x00\x00AVI LIST":                         "",
		"FORM\x00\x00\x00\x00AIFFCOMM":                         "audio/aiff",
		"ID3\x03\x00":                                          "audio/mpeg",
		"\xFF\xFB\x90\x00":                                     "audio/mpeg",
		"\xFF\xD8\xFF\xE0":                                     "",
		"<html><script>alert(1)</script>":                      "",
		"%PDF-1.7":                                             "",
		"":                                                     "",
	} {
		if got := mediaType([]byte(head)); got != want {
			t.Errorf("%q is %q, not %q", head, got, want)
		}
	}
}

func TestPlayable(t *testing.T) {
	for name, want := range map[string]string{"a.MP4": "video", "b.mov": "video", "c.mp3": "audio", "d.wav": "audio", "e.avi": "", "f.html": "", "mp4": ""} {
		if got := Playable(name); got != want {
			t.Errorf("%s: %q, not %q", name, got, want)
		}
	}
}
