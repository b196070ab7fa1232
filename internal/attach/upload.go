package attach

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/google/uuid"

	"securepractice/internal/actor"
	"securepractice/internal/clock"
	"securepractice/internal/db"
	"securepractice/internal/fault"
)

const (
	// mostOpen is how many unfinished uploads a person may have.
	mostOpen = 20
	// leastStep is how much must have come for it to be kept, when it is not the end: each step is an object and a commit.
	leastStep = 64 << 10
	// stillArriving is how long an upload without progress keeps a message from being sent.
	stillArriving = 10 * time.Minute
)

// Begin is an upload to be begun.
type Begin struct {
	Holder, Name string
	Size         int64
}

// Pending is an unfinished upload.
type Pending struct {
	ID, Name       string
	Size, Received int64
}

// ErrMoved says that another request has taken an upload further.
var ErrMoved = errors.New("attach: another request goes on with this upload")

// BeginUpload makes an upload that may arrive in pieces, over as many connections as it takes, and be taken up again for a
// day after each. Refusals are those of Receive, before a byte was sent. An unfinished upload of the same name gives way.
// The caller has checked that the actor may add to the holder.
func (s *Service) BeginUpload(ctx context.Context, by actor.Actor, b Begin) (string, error) {
	u, err := s.announce(ctx, by, b)
	if err != nil {
		return "", err
	}
	a := arriving{holder: b.Holder, nameMAC: s.nameMAC(b.Holder, u.name), total: b.Size}
	if a.file, err = u.row(false); err != nil {
		return "", err
	}
	if a.nameSealed, err = u.owner.Seal("attach_upload", "name_sealed", u.id, []byte(u.name)); err != nil {
		return "", fmt.Errorf("seal a file name: %w", err)
	}
	if a.sumState, err = s.sealSum(u.id, u.sum); err != nil {
		return "", err
	}
	now := clock.Micros(s.clock.Now())
	err = s.d.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		old, err := listHolderUploads(ctx, tx, b.Holder, a.nameMAC)
		if err != nil {
			return err
		}
		if err := s.giveUp(ctx, tx, old); err != nil {
			return err
		}
		if err := insertFile(ctx, tx, a.file, now); err != nil {
			return err
		}
		return insertUpload(ctx, tx, a)
	})
	if err != nil {
		return "", fmt.Errorf("begin an upload: %w", err)
	}
	return u.id, nil
}

// announce checks what is known of an upload before its content.
func (s *Service) announce(ctx context.Context, by actor.Actor, b Begin) (*upload, error) {
	name, err := cleanName(b.Name)
	if err != nil {
		return nil, err
	}
	u := &upload{s: s, by: by, holder: b.Holder, name: name, ext: extension(name)}
	if b.Size <= 0 {
		return nil, emptyFault(name)
	}
	if !s.accepts(u.ext) {
		return nil, typeFault(name)
	}
	mac := s.nameMAC(b.Holder, name)
	h, err := readHeld(ctx, s.d, b.Holder, mac)
	if err != nil {
		return nil, fmt.Errorf("look at what is attached: %w", err)
	}
	o, err := countArriving(ctx, s.d, b.Holder, mac)
	if err != nil {
		return nil, fmt.Errorf("look at what is arriving: %w", err)
	}
	h.files, h.size = h.files+o.files, h.size+o.size
	if err := s.refusal(h, name, b.Size); err != nil {
		return nil, err
	}
	n, err := countOwn(ctx, s.d, by.ID)
	if err != nil {
		return nil, fmt.Errorf("count a person's uploads: %w", err)
	}
	if n >= mostOpen {
		return nil, fault.Field(field, "Many of your uploads are not finished. Finish or cancel one first.")
	}
	return u, u.makeKey(ctx)
}

// sealSum seals a checksum that is to be gone on with.
func (s *Service) sealSum(fileID string, sum hash.Hash) ([]byte, error) {
	m, ok := sum.(encoding.BinaryMarshaler)
	if !ok {
		return nil, errors.New("attach: the checksum cannot be stored")
	}
	state, err := m.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("store a checksum: %w", err)
	}
	sealed, err := s.keys.System().Seal("attach_upload", "sum_sealed", fileID, state)
	if err != nil {
		return nil, fmt.Errorf("seal a checksum: %w", err)
	}
	return sealed, nil
}

// resumed is an unfinished upload in one request's hands.
type resumed struct {
	*upload
	row  arriving
	keys []string
}

// resume takes a person's own unfinished upload up again; false when there is none.
func (s *Service) resume(ctx context.Context, by actor.Actor, id string) (*resumed, bool, error) {
	a, found, err := findArriving(ctx, s.d, by.ID, id)
	if err != nil || !found {
		return nil, false, err
	}
	u := &upload{s: s, by: by, holder: a.holder, ext: a.ext, id: id, size: a.received, sum: sha256.New(), saved: int(a.version), begun: begunAt(id)}
	if u.owner, err = s.keys.Owner(ctx, s.d, a.ownerID); err != nil {
		return nil, false, fmt.Errorf("find the uploader's keys: %w", err)
	}
	name, err := u.owner.Open("attach_upload", "name_sealed", id, a.nameSealed)
	if err != nil {
		return nil, false, fmt.Errorf("open the name of upload %s: %w", id, err)
	}
	u.name = string(name)
	if u.dek, err = s.keys.UnwrapFile(dekPlace(id, -1), a.dek); err != nil {
		return nil, false, fmt.Errorf("open the key of upload %s: %w", id, err)
	}
	if u.cipher, err = newCipher(u.dek); err != nil {
		return nil, false, err
	}
	state, err := s.keys.System().Open("attach_upload", "sum_sealed", id, a.sumState)
	if err != nil {
		return nil, false, fmt.Errorf("open the checksum of upload %s: %w", id, err)
	}
	if m, ok := u.sum.(encoding.BinaryUnmarshaler); !ok || m.UnmarshalBinary(state) != nil {
		return nil, false, ErrDamaged
	}
	keys, err := listKeys(ctx, s.d, id)
	if err != nil {
		return nil, false, fmt.Errorf("list the parts of upload %s: %w", id, err)
	}
	return &resumed{upload: u, row: a, keys: keys}, true, nil
}

// begunAt is the time in an upload's id: files stand in the order in which they were begun, whichever was here first.
func begunAt(id string) int64 {
	u, err := uuid.Parse(id)
	if err != nil {
		return 0
	}
	sec, nsec := u.Time().UnixTime()
	return time.Unix(sec, nsec).UnixMicro()
}

// take stores what src brings, part after part, and says how much was kept. When src ends early that is no error: what came
// is kept, if it is worth an object, and the next request goes on there.
func (r *resumed) take(ctx context.Context, src io.Reader) (kept int64, err error) {
	release, err := r.s.takeSlot(ctx)
	if err != nil {
		return 0, err
	}
	defer release()
	buf, ok := r.s.buffers.Get().(*bytes.Buffer)
	if !ok {
		return 0, errors.New("attach: the pool of buffers holds something else")
	}
	defer r.s.buffers.Put(buf)
	in := &soft{r: src}
	for r.size < r.row.total && !in.ended {
		n, err := r.step(ctx, buf, in)
		if err != nil {
			return kept, err
		}
		kept += n
	}
	return kept, nil
}

// soft ends where its source does, however that ends.
type soft struct {
	r     io.Reader
	ended bool
}

func (s *soft) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil {
		s.ended, err = true, io.EOF
	}
	return n, err
}

// step seals and stores one part: a new one, or the last one anew with more behind what it had.
func (r *resumed) step(ctx context.Context, buf *bytes.Buffer, in *soft) (int64, error) {
	idx, had := r.size/partSize, r.size%partSize
	place := body{fileID: r.id, ownerID: r.row.ownerID, partSize: partSize}
	tail, err := r.tail(ctx, idx, had)
	if err != nil {
		return 0, err
	}
	fresh := io.TeeReader(io.LimitReader(in, min(partSize-had, r.row.total-r.size)), r.sum)
	n, err := sealPart(r.cipher, buf, place.place(idx), io.MultiReader(tail, fresh), io.Discard)
	if err != nil {
		return 0, fmt.Errorf("seal a part: %w", err)
	}
	n -= had
	if n == 0 || n < leastStep && r.size+n < r.row.total && in.ended {
		return 0, nil
	}
	p := part{idx: idx, size: had + n, key: partKey(r.id, idx)}
	if err := r.s.blobs.Put(ctx, p.key, buf.Bytes()); err != nil {
		return 0, errors.Join(fmt.Errorf("store part %d: %w", idx, err), r.aside(ctx, p.key))
	}
	if err := r.note(ctx, p, n); err != nil {
		return 0, errors.Join(err, r.aside(ctx, p.key))
	}
	return n, nil
}

// tail reads what the last part has, when it is not full.
func (r *resumed) tail(ctx context.Context, idx, had int64) (io.Reader, error) {
	if had == 0 {
		return bytes.NewReader(nil), nil
	}
	stored, err := r.s.open(ctx, body{fileID: r.id, ownerID: r.row.ownerID, partSize: partSize, size: r.size, keys: r.keys}, r.dek)
	if err != nil {
		return nil, err
	}
	defer stored.Close() //nolint:errcheck // open for reading only: nothing is lost by it
	if _, err := stored.Seek(idx*partSize, io.SeekStart); err != nil {
		return nil, err
	}
	b := make([]byte, had)
	if _, err := io.ReadFull(stored, b); err != nil {
		return nil, fmt.Errorf("read what has arrived: %w", err)
	}
	return bytes.NewReader(b), nil
}

// note commits a stored part. What it takes the place of is put aside.
func (r *resumed) note(ctx context.Context, p part, n int64) error {
	r.size += n
	f, err := r.upload.row(false)
	if err != nil {
		return err
	}
	sum, err := r.s.sealSum(r.id, r.sum)
	if err != nil {
		return err
	}
	now := clock.Micros(r.s.clock.Now())
	err = r.s.d.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if ok, err := updateReceived(ctx, tx, f, now); err != nil {
			return err
		} else if !ok {
			return ErrMoved
		}
		if err := savePart(ctx, tx, r.id, p); err != nil {
			return err
		}
		if p.size > n {
			if err := insertTrash(ctx, tx, []string{r.keys[p.idx]}, now); err != nil {
				return err
			}
		}
		return updateSum(ctx, tx, r.id, sum)
	})
	if err != nil {
		return fmt.Errorf("note a stored part: %w", err)
	}
	r.saved++
	r.keys = append(r.keys[:p.idx], p.key)
	return nil
}

// aside puts an object aside that no row names. The caller's context may have ended with the connection.
func (r *resumed) aside(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
	defer cancel()
	return r.s.d.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		return insertTrash(ctx, tx, []string{key}, clock.Micros(r.s.clock.Now()))
	})
}

// FinishUpload attaches an upload that has arrived whole, if it is what was sent: sum is the SHA-256 that the sender made
// of the file. One that differs is given up.
func (s *Service) FinishUpload(ctx context.Context, by actor.Actor, id string, sum []byte) (File, error) {
	r, found, err := s.resume(ctx, by, id)
	if err != nil {
		return File{}, err
	}
	if !found {
		return File{}, fault.ErrNotFound()
	}
	if r.size != r.row.total {
		return File{}, fault.New(fault.Conflict, failedText(r.name))
	}
	if subtle.ConstantTimeCompare(r.sum.Sum(nil), sum) != 1 {
		return File{}, errors.Join(failedFault(r.name), s.CancelUpload(ctx, by, id))
	}
	f, err := r.upload.row(true)
	if err != nil {
		return File{}, err
	}
	return r.place(ctx, func(ctx context.Context, tx *db.Tx) error {
		if ok, err := updateReceived(ctx, tx, f, clock.Micros(s.clock.Now())); err != nil {
			return err
		} else if !ok {
			return fault.ErrNotFound()
		}
		return deleteUploads(ctx, tx, []string{id})
	})
}

// CancelUpload gives a person's own unfinished upload up; one that is gone already is no error.
func (s *Service) CancelUpload(ctx context.Context, by actor.Actor, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
	defer cancel()
	return s.d.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if _, found, err := findArriving(ctx, tx, by.ID, id); err != nil || !found {
			return err
		}
		return s.giveUp(ctx, tx, []string{id})
	})
}

// giveUp ends unfinished uploads: their keys go at once, their parts after a day.
func (s *Service) giveUp(ctx context.Context, tx *db.Tx, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	for _, id := range ids {
		if err := abortFile(ctx, tx, id); err != nil {
			return err
		}
	}
	if err := trashParts(ctx, tx, ids, clock.Micros(s.clock.Now())); err != nil {
		return err
	}
	return deleteUploads(ctx, tx, ids)
}

// Uploads lists the unfinished uploads of a person's draft.
func (s *Service) Uploads(ctx context.Context, by actor.Actor, holder string) ([]Pending, error) {
	rows, err := listArriving(ctx, s.d, by.ID, holder)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	var list []Pending
	for _, a := range rows {
		owner, err := s.keys.Owner(ctx, s.d, a.ownerID)
		if err != nil {
			return nil, fmt.Errorf("find the uploader's keys: %w", err)
		}
		name, err := owner.Open("attach_upload", "name_sealed", a.id, a.nameSealed)
		if err != nil {
			return nil, fmt.Errorf("open the name of upload %s: %w", a.id, err)
		}
		list = append(list, Pending{ID: a.id, Name: string(name), Size: a.total, Received: a.received})
	}
	return list, nil
}

// Arriving says whether files of a holder are still on their way, so that it must not be sent yet.
func (s *Service) Arriving(ctx context.Context, r db.Reader, holder string) (bool, error) {
	return isArriving(ctx, r, holder, clock.Micros(s.clock.Now().Add(-stillArriving)))
}
