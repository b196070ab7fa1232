package mail

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"securepractice/internal/attach"
)

// manifest says what an export holds. Times are UTC.
type manifest struct {
	Product    string        `json:"product"`
	ExportedBy string        `json:"exported_by"`
	ExportedAt time.Time     `json:"exported_at"`
	ThreadID   string        `json:"thread_id"`
	Subject    string        `json:"subject"`
	People     []string      `json:"participants"`
	Messages   []manifestMsg `json:"messages"`
	Documents  []manifestDoc `json:"documents"`
}

type manifestMsg struct {
	ID     string        `json:"id"`
	Author string        `json:"author"`
	At     time.Time     `json:"at"`
	Files  []manifestDoc `json:"files,omitempty"`
}

type manifestDoc struct {
	ID     string `json:"id,omitempty"`
	Name   string `json:"name,omitempty"` // as it was attached
	Path   string `json:"path"`           // in the archive
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`

	file attach.File
}

// archive is an export being written. Only one document and the list of contents are ever in memory.
type archive struct {
	zip  *zip.Writer
	at   time.Time
	list manifest
	sums strings.Builder // SHA256SUMS
}

// export writes a record as a ZIP: documents, the files as they were attached, and a list with the sum of each. An error
// leaves an archive that no program takes for whole.
func (s *Service) export(ctx context.Context, rec *record, w io.Writer) error {
	a := &archive{zip: zip.NewWriter(w), at: rec.at, list: manifest{Product: rec.product, ExportedBy: rec.takenBy(), ExportedAt: rec.at.UTC(),
		ThreadID: rec.of.threadID, Subject: rec.m.subject, People: rec.people}}
	if err := s.exportDocuments(ctx, rec, a); err != nil {
		return err
	}
	if err := s.exportFiles(ctx, rec, a); err != nil {
		return err
	}
	text, err := json.MarshalIndent(a.list, "", "  ")
	if err != nil {
		return fmt.Errorf("list an export: %w", err)
	}
	if _, err := a.add("manifest.json", func(w io.Writer) error { return writeAll(w, text) }); err != nil {
		return err
	}
	if _, err := a.add("SHA256SUMS", func(w io.Writer) error { return writeAll(w, []byte(a.sums.String())) }); err != nil {
		return err
	}
	if err := a.zip.Close(); err != nil {
		return fmt.Errorf("end an export: %w", err)
	}
	return nil
}

func (s *Service) exportDocuments(ctx context.Context, rec *record, a *archive) error {
	parts := rec.parts()
	for n := range parts {
		name := "Conversation.pdf"
		if len(parts) > 1 {
			name = fmt.Sprintf("Conversation-%03d.pdf", n+1)
		}
		var doc bytes.Buffer // made whole before the entry begins: what fails first still gets a page
		if err := s.writePDF(ctx, rec, n, &doc); err != nil {
			return err
		}
		if err := a.document(name, func(w io.Writer) error { return writeAll(w, doc.Bytes()) }); err != nil {
			return err
		}
	}
	return a.document("Conversation.txt", func(w io.Writer) error { return s.writeText(ctx, rec, w) })
}

// exportFiles lists the messages, then copies their files one after another.
func (s *Service) exportFiles(ctx context.Context, rec *record, a *archive) error {
	n := 0
	err := s.each(ctx, rec, rec.rows, func(c copyOf) error {
		m := manifestMsg{ID: c.id, Author: c.author.line(), At: c.at.UTC()}
		for _, f := range c.files {
			if f.State != attach.Clean {
				continue
			}
			n++
			m.Files = append(m.Files, manifestDoc{ID: f.FileID, Name: f.Name, Path: fmt.Sprintf("files/%04d-%s", n, safeName(f.Name)), Size: f.Size, SHA256: c.sums[f.FileID], file: f})
		}
		a.list.Messages = append(a.list.Messages, m)
		return nil
	})
	if err != nil {
		return err
	}
	for _, m := range a.list.Messages {
		for _, f := range m.Files {
			if _, err := a.add(f.Path, func(w io.Writer) error { return s.o.Attach.Extract(ctx, w, f.file.LinkID, rec.key) }); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *archive) document(path string, fill func(io.Writer) error) error {
	d, err := a.add(path, fill)
	a.list.Documents = append(a.list.Documents, d)
	return err
}

// add writes one entry and notes its sum.
func (a *archive) add(path string, fill func(io.Writer) error) (manifestDoc, error) {
	method := zip.Deflate
	if strings.HasPrefix(path, "files/") {
		method = zip.Store // pictures and documents are packed already
	}
	entry, err := a.zip.CreateHeader(&zip.FileHeader{Name: path, Method: method, Modified: a.at.UTC()})
	if err != nil {
		return manifestDoc{}, fmt.Errorf("begin %s of an export: %w", path[:min(len(path), 10)], err)
	}
	sum, size := sha256.New(), counter(0)
	if err := fill(io.MultiWriter(entry, sum, &size)); err != nil {
		return manifestDoc{}, err
	}
	d := manifestDoc{Path: path, Size: int64(size), SHA256: hex.EncodeToString(sum.Sum(nil))}
	a.sums.WriteString(d.SHA256 + "  " + path + "\n")
	return d, nil
}

// counter counts bytes.
type counter int64

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}

func writeAll(w io.Writer, b []byte) error {
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("write an export: %w", err)
	}
	return nil
}

// safeName is a file's name as every system can save it. Its number in the archive keeps it apart from others and from
// names that systems keep for themselves.
func safeName(name string) string {
	const most = 150 // bytes
	name = strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`<>:"/\|?*`, r) || r == utf8.RuneError {
			return '_'
		}
		return r
	}, name)
	if len(name) > most {
		ext := ""
		if i := strings.LastIndexByte(name, '.'); i >= 0 && len(name)-i <= 12 {
			ext = name[i:]
		}
		name = strings.ToValidUTF8(name[:most-len(ext)], "") + ext
	}
	if name = strings.TrimRight(name, " ."); name == "" {
		return "file"
	}
	return name
}
