package app

import (
	"log/slog"
	"strings"
	"testing"

	"securepractice/internal/blob"
	"securepractice/internal/blob/s3/s3test"
	"securepractice/internal/config"
	"securepractice/internal/crypt"
	"securepractice/internal/db/dbtest"
)

// The portal begins when its bucket works, says which setting to look at when it does not, and lets commands beside it
// run meanwhile.
func TestFilesInABucket(t *testing.T) {
	o, dir := s3test.Options(t)
	cfg := DemoConfig(t.TempDir(), dbtest.SQLiteURL(t))
	cfg.BaseURL = "http://127.0.0.1:8080"
	cfg.Files, cfg.S3Endpoint, cfg.S3Bucket, cfg.S3Region = config.FilesS3, o.Endpoint, o.Bucket, o.Region
	cfg.S3Prefix, cfg.S3AccessKey, cfg.S3SecretKey = o.Prefix, o.AccessKey, o.SecretKey
	if _, err := crypt.CreateRoot(cfg.RootKey); err != nil {
		t.Fatal(err)
	}
	begin := func(c config.Config) (*App, error) { return New(t.Context(), c, slog.New(slog.DiscardHandler), nil) }
	a, err := begin(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.blobs.Put(t.Context(), "ab/f/0-x", []byte("sealed")); err != nil {
		t.Fatal(err)
	}
	disk, err := blob.OpenDisk(dir) // where the service keeps its objects
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	n := 0
	if err := disk.List(t.Context(), func(blob.Object) error { n++; return nil }); err != nil || n != 1 {
		t.Errorf("%d objects in the bucket, %v", n, err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	cfg.S3Bucket = "nowhere"
	if _, err := begin(cfg); err == nil || !strings.Contains(err.Error(), "s3_bucket: there is no bucket nowhere") {
		t.Errorf("without its bucket: %v", err)
	}
	cfg.Beside = true
	if a, err = begin(cfg); err != nil {
		t.Errorf("a command that needs no file: %v", err)
	} else if err := a.Close(); err != nil {
		t.Error(err)
	}
}
