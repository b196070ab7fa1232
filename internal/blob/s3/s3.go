package s3

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"securepractice/internal/blob"
)

// Options of Open.
type Options struct {
	Endpoint             string // "https://s3.us-east-2.amazonaws.com"; http:// is for a service on this machine
	Bucket, Region       string
	Prefix               string // of all keys: "portal/files"; may be empty
	AccessKey, SecretKey string
	PathStyle            bool           // the bucket stands in the path always; false: where the service's name asks for it
	Stall                time.Duration  // how long a service may say nothing before a try ends; 30 s
	Tries                int            // of each request; 5
	Roots                *x509.CertPool // who may vouch for the service; nil: whom the machine believes
}

// putTime bounds one try to store one object of a few megabytes.
const putTime = 2 * time.Minute

// Store is a blob.Store in a bucket.
type Store struct {
	core   minio.Core
	o      Options
	prefix string      // with its slash
	blind  atomic.Bool // the service takes no conditional puts
}

// Open makes a store. It asks the service nothing; see Check.
func Open(o Options) (*Store, error) {
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("s3_endpoint: %q is no address such as https://s3.us-east-2.amazonaws.com", o.Endpoint)
	}
	o.Prefix = strings.Trim(o.Prefix, "/")
	if o.Prefix != "" && !blob.IsKey(o.Prefix) {
		return nil, errors.New("s3_prefix: use lower-case letters, digits, - and _ in parts between slashes")
	}
	if o.Stall == 0 {
		o.Stall = 30 * time.Second
	}
	if o.Tries == 0 {
		o.Tries = 5
	}
	lookup := minio.BucketLookupAuto
	if o.PathStyle {
		lookup = minio.BucketLookupPath
	}
	client, err := minio.New(u.Host, &minio.Options{
		Creds: credentials.NewStaticV4(o.AccessKey, o.SecretKey, ""), Secure: u.Scheme == "https", Region: o.Region,
		BucketLookup: lookup, MaxRetries: 1, TrailingHeaders: true, Transport: newTransport(o),
	})
	if err != nil {
		return nil, fmt.Errorf("s3_endpoint: %w", err)
	}
	s := &Store{core: minio.Core{Client: client}, o: o}
	if o.Prefix != "" {
		s.prefix = o.Prefix + "/"
	}
	return s, nil
}

// putWord is the name under which an object keeps the word of its put.
const putWord = "Put-Word"

// Put stores data. Where the service knows conditional puts it decides which of several is first; elsewhere Put looks
// before it stores, which is enough for keys that hold a random word.
func (s *Store) Put(ctx context.Context, key string, data []byte) error {
	if !blob.IsKey(key) {
		return blob.ErrKey
	}
	word := rand.Text()
	again := false
	err := s.retry(ctx, func() error {
		if again { // a service that finds the key taken may break the connection before its answer is heard
			if found, err := s.wordOf(ctx, key); err == nil && found == word {
				return nil
			} else if err == nil && found != "" {
				return blob.ErrExists
			}
		}
		again = true
		return s.tryPut(ctx, key, word, data)
	})
	if isCode(err, minio.PreconditionFailed) {
		return s.taken(ctx, key, word)
	}
	if err != nil && !errors.Is(err, blob.ErrExists) {
		return fmt.Errorf("store an object: %w", err)
	}
	return err
}

func (s *Store) tryPut(ctx context.Context, key, word string, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, putTime)
	defer cancel()
	o := minio.PutObjectOptions{DisableMultipart: true, ContentType: "application/octet-stream",
		UserMetadata: map[string]string{putWord: word, "x-amz-checksum-crc32c": checksum(data)}}
	if s.blind.Load() {
		switch found, err := s.wordOf(ctx, key); {
		case err != nil:
			return err
		case found != "" && found != word:
			return blob.ErrExists
		}
	} else {
		o.SetMatchETagExcept("*")
	}
	b := &body{r: bytes.NewReader(data)}
	defer b.end() // the client may still be sending what the service did not want to hear
	_, err := s.core.Client.PutObject(ctx, s.o.Bucket, s.prefix+key, b, int64(len(data)), o)
	if isCode(err, minio.NotImplemented) && !s.blind.Swap(true) {
		return errAgain
	}
	return err
}

// taken says whether the object that is there is that of an earlier try of this very put.
func (s *Store) taken(ctx context.Context, key, word string) error {
	found := ""
	err := s.retry(ctx, func() (err error) {
		found, err = s.wordOf(ctx, key)
		return err
	})
	if err != nil {
		return fmt.Errorf("look who stored an object: %w", err)
	}
	if found != word {
		return blob.ErrExists
	}
	return nil
}

// wordOf reads the word of the put that made an object; empty when there is no object.
func (s *Store) wordOf(ctx context.Context, key string) (string, error) {
	info, err := s.core.StatObject(ctx, s.o.Bucket, s.prefix+key, minio.StatObjectOptions{})
	if isCode(err, minio.NoSuchKey) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	for name, word := range info.UserMetadata {
		if strings.EqualFold(name, putWord) {
			return word, nil
		}
	}
	return "none", nil
}

// checksum is the CRC-32C by which the service knows that what it was sent is what it received.
func checksum(data []byte) string {
	sum := crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum))
}

// body gives a try its bytes and nothing after its end: the caller's buffer is then another's.
type body struct {
	mu sync.Mutex
	r  *bytes.Reader
}

func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.r == nil {
		return 0, io.ErrClosedPipe
	}
	return b.r.Read(p)
}

func (b *body) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.r = nil
}

// Del removes an object.
func (s *Store) Del(ctx context.Context, key string) error {
	if !blob.IsKey(key) {
		return blob.ErrKey
	}
	err := s.retry(ctx, func() error {
		return s.core.RemoveObject(ctx, s.o.Bucket, s.prefix+key, minio.RemoveObjectOptions{})
	})
	if err != nil && !isCode(err, minio.NoSuchKey) {
		return fmt.Errorf("remove an object: %w", err)
	}
	return nil
}

// List goes through the bucket a page at a time. A page that fails is asked for again from where the last one ended.
func (s *Store) List(ctx context.Context, each func(blob.Object) error) error {
	last := ""
	var stop error
	err := s.retry(ctx, func() error {
		asked := minio.ListObjectsOptions{Prefix: s.prefix, Recursive: true, StartAfter: last}
		for o := range s.core.ListObjectsIter(ctx, s.o.Bucket, asked) {
			if o.Err != nil {
				return o.Err
			}
			last = o.Key
			key := strings.TrimPrefix(o.Key, s.prefix)
			if !blob.IsKey(key) {
				continue // not ours: whoever put it there takes it away
			}
			if stop = each(blob.Object{Key: key, Size: o.Size, At: o.LastModified.UTC()}); stop != nil {
				return nil
			}
		}
		return ctx.Err() // a listing that was cancelled ends without saying so
	})
	if err = errors.Join(stop, err); err != nil {
		return fmt.Errorf("list objects: %w", err)
	}
	return nil
}

// errAgain asks for another try at once.
var errAgain = errors.New("s3: try again")

// retry calls try until it succeeds, fails for good, or has failed often enough, with growing waits.
func (s *Store) retry(ctx context.Context, try func() error) error {
	wait := 100 * time.Millisecond
	for n := 1; ; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := try()
		if err == nil || n >= s.o.Tries || ctx.Err() != nil || !transient(err) {
			return err
		}
		if errors.Is(err, errAgain) {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		wait = min(2*wait, 5*time.Second)
	}
}

// transient says whether a failure may pass by itself: the connection's, or one that the service says is its own.
func transient(err error) bool {
	var r minio.ErrorResponse
	if !errors.As(err, &r) {
		return !errors.Is(err, blob.ErrExists)
	}
	switch r.Code {
	case "BadDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch": // what arrived is not what was sent
		return true
	case "SlowDown", "SlowDownRead", "SlowDownWrite", "RequestTimeout", "InternalError", "Throttling", "ConditionalRequestConflict",
		"ExistingObjectIsDirectory": // a gateway over folders, while it removes an empty one: no key of ours names a folder
		return true
	}
	return r.StatusCode >= http.StatusInternalServerError && r.StatusCode != http.StatusNotImplemented || r.StatusCode == http.StatusTooManyRequests
}

func isCode(err error, code string) bool {
	var r minio.ErrorResponse
	return errors.As(err, &r) && r.Code == code
}
