package s3

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/minio/minio-go/v7"

	"securepractice/internal/blob"
)

// Check proves that the settings work: the service answers, the bucket is there, and the keys may list, store, read and
// remove. It leaves nothing behind. Its error says which setting to look at.
func (s *Store) Check(ctx context.Context) error {
	found := false
	err := s.retry(ctx, func() (err error) {
		found, err = s.core.BucketExists(ctx, s.o.Bucket)
		return err
	})
	if err != nil || !found {
		// The answer to a HEAD has no room for a reason; a listing's has.
		if listErr := s.List(ctx, func(blob.Object) error { return errStop }); !errors.Is(listErr, errStop) {
			err = errors.Join(listErr, err)
		}
	}
	if err != nil {
		return s.explain("list", err)
	}
	if !found {
		return fmt.Errorf("s3_bucket: there is no bucket %s at %s; make it, or name another", s.o.Bucket, s.o.Endpoint)
	}
	key := "check/" + strings.ToLower(rand.Text())
	return errors.Join(s.tryAll(ctx, key), s.explain("remove from", s.Del(context.WithoutCancel(ctx), key)))
}

// errStop ends a listing that has shown what it should.
var errStop = errors.New("s3: enough")

func (s *Store) tryAll(ctx context.Context, key string) error {
	first, second := []byte("The portal may store files here."), []byte("It may not replace them.")
	if err := s.Put(ctx, key, first); err != nil {
		return s.explain("store in", err)
	}
	if err := s.Put(ctx, key, second); err == nil {
		s.blind.Store(true) // the service does not know conditional puts and does not say so: look first
	} else if !errors.Is(err, blob.ErrExists) {
		return s.explain("store in", err)
	}
	if err := s.tryRead(ctx, key, first, second); err != nil {
		return err
	}
	err := s.List(ctx, func(blob.Object) error { return errStop })
	if errors.Is(err, errStop) {
		return nil
	}
	return s.explain("list", err)
}

// tryRead reads the object, which the second put has replaced where the service does not know conditional puts.
func (s *Store) tryRead(ctx context.Context, key string, first, second []byte) error {
	r, err := s.Get(ctx, key)
	if err != nil {
		return s.explain("read from", err)
	}
	got, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		return s.explain("read from", err)
	}
	if replaced := s.blind.Load() && bytes.Equal(got, second); !replaced && !bytes.Equal(got, first) {
		return fmt.Errorf("s3_endpoint: what was stored at %s came back changed", s.o.Endpoint)
	}
	return nil
}

// explain turns a refusal into the setting it is about.
func (s *Store) explain(act string, err error) error {
	if err == nil {
		return nil
	}
	var r minio.ErrorResponse
	if !errors.As(err, &r) {
		return fmt.Errorf("s3_endpoint: %s does not answer: %w", s.o.Endpoint, err)
	}
	switch r.Code {
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "XAdminUserNotFound":
		return fmt.Errorf("s3_access_key, s3_secret_key: %s does not know them (%s)", s.o.Endpoint, r.Code)
	case minio.AccessDenied:
		return fmt.Errorf("s3_access_key: it may not %s the bucket %s; allow it to list, store, read and remove", act, s.o.Bucket)
	case "AuthorizationHeaderMalformed", "InvalidRegion", "PermanentRedirect":
		return fmt.Errorf("s3_region: the bucket %s is not in %s (%s)", s.o.Bucket, s.o.Region, r.Message)
	case "NoSuchBucket":
		return fmt.Errorf("s3_bucket: there is no bucket %s at %s; make it, or name another", s.o.Bucket, s.o.Endpoint)
	case "RequestTimeTooSkewed":
		return errors.New("s3_endpoint: this machine's clock and the service's differ by more than it allows; set the clock")
	}
	return fmt.Errorf("s3: cannot %s the bucket %s: %w", act, s.o.Bucket, err)
}
