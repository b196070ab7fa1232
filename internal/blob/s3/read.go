package s3

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/minio/minio-go/v7"

	"securepractice/internal/blob"
)

// Get opens an object. The reader goes on by itself where the service broke off.
func (s *Store) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	if !blob.IsKey(key) {
		return nil, blob.ErrKey
	}
	o := &object{s: s, ctx: ctx, key: s.prefix + key, left: s.o.Tries}
	if err := s.retry(ctx, o.open); err != nil {
		if isCode(err, minio.NoSuchKey) {
			return nil, blob.ErrNotFound
		}
		return nil, fmt.Errorf("open an object: %w", err)
	}
	return o, nil
}

// object is an object being read.
type object struct {
	s        *Store
	ctx      context.Context // io.Reader leaves a reader no other way to be told that its caller has gone
	key      string
	etag     string // of the object that was opened first; no other is read on
	at, size int64
	left     int // times it may still break off
	body     io.ReadCloser
}

// open asks for the object from the current place on.
func (o *object) open() error {
	var opts minio.GetObjectOptions
	if o.etag != "" {
		if err := errors.Join(opts.SetRange(o.at, o.size-1), opts.SetMatchETag(o.etag)); err != nil {
			return err
		}
	}
	body, info, _, err := o.s.core.GetObject(o.ctx, o.s.o.Bucket, o.key, opts)
	if err != nil {
		return err
	}
	o.body = body
	if o.etag == "" {
		o.etag, o.size = info.ETag, info.Size
	}
	return nil
}

// Read reads on. The end is where the service said at first that it is.
func (o *object) Read(p []byte) (int, error) {
	for {
		if o.at >= o.size {
			return 0, io.EOF
		}
		n, err := o.body.Read(p[:min(int64(len(p)), o.size-o.at)])
		o.at += int64(n)
		if n > 0 || err == nil {
			return n, nil
		}
		if o.left--; o.left < 0 || o.ctx.Err() != nil {
			return 0, fmt.Errorf("read an object: %w", broken(err))
		}
		if err := o.again(); err != nil {
			return 0, fmt.Errorf("read on in an object: %w", err)
		}
	}
}

// broken is never io.EOF: the object's bytes end elsewhere.
func broken(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (o *object) again() error {
	_ = o.body.Close() // it broke already
	return o.s.retry(o.ctx, o.open)
}

// Close gives the connection back.
func (o *object) Close() error { return o.body.Close() }
