package attach

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"time"

	"securepractice/internal/blob"
	"securepractice/internal/clock"
)

// Exam says how the doctor looks at the stored files.
type Exam struct {
	Deep     bool                                 // read every part of every file and compare it with what was received
	Repair   bool                                 // mend what can be mended without a loss
	Progress func(what string, done, total int64) // called often; total is 0 when nobody knows it
}

// Finding is something that is not as it should be.
type Finding struct {
	Text   string // a plain sentence with ids, never with names
	Mended string // what was done about it; empty: nothing

	fileID, key string
	way         mending
}

// mending is what can be done about a finding without a loss.
type mending int

const (
	noMending  mending = iota // a person has to look
	toLose                    // tell the holders that the file is lost
	toRefind                  // check a file again that was lost and is whole
	toRecheck                 // give it to a worker
	toEnd                     // wipe the key and put the parts aside
	toPutAside                // an object that no row names
)

// Examined is what the doctor found.
type Examined struct {
	Files, Objects, Bytes int64 // bytes as stored, sealed
	Found                 []Finding
}

// Limits of an examination.
const (
	examPage  = 200
	stuckFor  = 10 * time.Minute    // a check that nobody began or went on with
	trashFor  = 2*grace + time.Hour // put aside and not deleted: the hourly work does not run
	lostTrust = 20                  // so many lost files may be mended whatever their share; of more, at most a fifth
)

// Examine compares the rows of files with the stored objects and with each other. It may run beside the portal: what
// changes meanwhile is looked at twice before it is called wrong.
func (s *Service) Examine(ctx context.Context, e Exam) (Examined, error) {
	if e.Progress == nil {
		e.Progress = func(string, int64, int64) {}
	}
	x := &exam{s: s, Exam: e, now: s.clock.Now()}
	for _, step := range []func(context.Context) error{x.objects, x.files, x.links, x.trash} {
		if err := step(ctx); err != nil {
			return x.Examined, fmt.Errorf("examine files: %w", err)
		}
	}
	if e.Repair {
		return x.Examined, x.mend(ctx)
	}
	return x.Examined, nil
}

// exam is an examination under way.
type exam struct {
	Exam
	Examined
	s      *Service
	now    time.Time
	stored []storedObject // by hash
}

// storedObject is an object in few bytes: millions of them must fit.
type storedObject struct {
	hash uint64
	size int64
}

func hashOf(key string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(key)) // never fails
	return h.Sum64()
}

func (x *exam) add(f Finding) { x.Found = append(x.Found, f) }

// objects lists the store, and finds what no row names.
func (x *exam) objects(ctx context.Context) error {
	var old []string
	before := x.now.Add(-grace)
	err := x.s.blobs.List(ctx, func(o blob.Object) error {
		x.stored = append(x.stored, storedObject{hashOf(o.Key), o.Size})
		x.Objects++
		x.Bytes += o.Size
		x.Progress("objects", x.Objects, 0)
		if o.At.After(before) {
			return nil
		}
		if old = append(old, o.Key); len(old) < examPage {
			return nil
		}
		err := x.orphans(ctx, old)
		old = old[:0]
		return err
	})
	if err != nil {
		return err
	}
	slices.SortFunc(x.stored, func(a, b storedObject) int { return cmp.Compare(a.hash, b.hash) })
	return x.orphans(ctx, old)
}

// orphans finds which of some objects belong to no file and are not put aside yet.
func (x *exam) orphans(ctx context.Context, keys []string) error {
	unused, err := x.s.unused(ctx, keys)
	if err != nil || len(unused) == 0 {
		return err
	}
	aside, err := listTrashed(ctx, x.s.d, unused)
	if err != nil {
		return err
	}
	for _, key := range unused {
		if !slices.Contains(aside, key) {
			x.add(Finding{Text: "Object " + key + " belongs to no file.", key: key, way: toPutAside})
		}
	}
	return nil
}

// known is what the listing says of an object.
func (x *exam) known(_ context.Context, key string) (size int64, found bool, err error) {
	i, found := slices.BinarySearchFunc(x.stored, hashOf(key), func(o storedObject, h uint64) int { return cmp.Compare(o.hash, h) })
	if !found {
		return 0, false, nil
	}
	return x.stored[i].size, true, nil
}

// asked is what the store says of an object when it is asked for it.
func (x *exam) asked(ctx context.Context, key string) (size int64, found bool, err error) {
	r, err := x.s.blobs.Get(ctx, key)
	if errors.Is(err, blob.ErrNotFound) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	size, err = io.Copy(io.Discard, r)
	return size, true, errors.Join(err, r.Close())
}

// files goes through the rows.
func (x *exam) files(ctx context.Context) error {
	total, err := countFiles(ctx, x.s.d)
	if err != nil {
		return err
	}
	for after := ""; ; {
		page, err := listExamined(ctx, x.s.d, after, examPage)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, f := range page {
			if err := x.file(ctx, f); err != nil {
				return err
			}
			x.Files++
			x.Progress("files", x.Files, total)
		}
		after = page[len(page)-1].id
	}
}

// looks is how often a file that keeps changing is read.
const looks = 10

// file looks at one file. What seems wrong is read anew until the row has not changed in between, as the portal may just be
// changing it: row and parts are two statements.
func (x *exam) file(ctx context.Context, f examined) error {
	found, err := x.s.symptoms(ctx, f, x.now, x.known)
	if err != nil {
		return err
	}
	for n, same := 0, false; len(found) > 0 && !same && n < looks; n++ {
		again, there, err := findExamined(ctx, x.s.d, f.id)
		if err != nil || !there {
			return err
		}
		if found, err = x.s.symptoms(ctx, again, x.s.clock.Now(), x.asked); err != nil {
			return err
		}
		same, f = n > 0 && again.version == f.version, again // the first look was at an older list of objects
	}
	if x.Deep && len(found) == 0 {
		if found, err = x.read(ctx, f); err != nil {
			return err
		}
	}
	x.Found = append(x.Found, found...)
	return nil
}

// links finds links that do not fit their files.
func (x *exam) links(ctx context.Context) error {
	for after := ""; ; {
		page, err := listOddLinks(ctx, x.s.d, after, examPage)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, l := range page {
			x.add(Finding{Text: l.text()})
		}
		after = page[len(page)-1].id
	}
}

func (l oddLink) text() string {
	name := "Link " + l.id + " of " + l.holder
	switch {
	case l.state == "":
		return name + " names file " + l.fileID + ", of which there is no row."
	case l.state == Gone || l.state == Aborted:
		return name + " names file " + l.fileID + ", which has ended: it cannot be opened."
	case l.size != l.fileSize:
		return fmt.Sprintf("%s says that file %s has %d bytes, its row says %d: it cannot be opened.", name, l.fileID, l.size, l.fileSize)
	}
	return name + " has a holder without a row."
}

// trash finds objects that should have been deleted by now.
func (x *exam) trash(ctx context.Context) error {
	n, err := countTrash(ctx, x.s.d, clock.Micros(x.now.Add(-trashFor)))
	if err == nil && n > 0 {
		x.add(Finding{Text: fmt.Sprintf("%d objects were put aside more than two days ago and are not deleted. Is the portal running, and may it delete?", n)})
	}
	return err
}
