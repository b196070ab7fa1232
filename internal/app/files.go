package app

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"time"

	"securepractice/internal/blob"
	"securepractice/internal/blob/s3"
	"securepractice/internal/config"
	"securepractice/internal/scan"
)

// blobCheck is how long a bucket may take to show that it works.
const blobCheck = 30 * time.Second

// openBlobs opens where files are kept. A bucket has to show that it works before the portal takes anything in; commands
// beside the portal do without, as most never touch a file.
func openBlobs(ctx context.Context, c config.Config) (blob.Store, error) {
	if c.Files != config.FilesS3 {
		return blob.OpenDisk(filepath.Join(c.Data, "blobs"))
	}
	s, err := s3.Open(s3.Options{Endpoint: c.S3Endpoint, Bucket: c.S3Bucket, Region: c.S3Region, Prefix: c.S3Prefix,
		AccessKey: c.S3AccessKey, SecretKey: c.S3SecretKey, PathStyle: c.S3PathStyle})
	if err != nil || c.Beside {
		return s, err
	}
	return s, checkBlobs(ctx, s)
}

// checkBlobs proves that files can be stored and read.
func checkBlobs(ctx context.Context, b blob.Store) error {
	s, ok := b.(*s3.Store)
	if !ok {
		return nil // a folder that opens is proved by its opening
	}
	ctx, cancel := context.WithTimeout(ctx, blobCheck)
	defer cancel()
	if err := s.Check(ctx); err != nil {
		return fmt.Errorf("files are to be kept in S3, and that does not work yet: %w", err)
	}
	return nil
}

// CheckFiles proves that files can be stored and read where the settings say.
func (a *App) CheckFiles(ctx context.Context) error { return checkBlobs(ctx, a.blobs) }

// CheckScanner proves that files can be checked, and says by what.
func (a *App) CheckScanner(ctx context.Context) (string, error) {
	if a.Config.Scanner != config.ScannerClamd {
		return "Files are not checked by a real scanner (scanner = " + cmp.Or(a.Config.Scanner, config.DemoScanner) + ").", nil
	}
	c, err := scan.NewClamd(a.Config.Clamd, a.Config.Limits.MaxTotal)
	if err != nil {
		return "", err
	}
	return "The malware scanner answers, and its limits are those of the portal.", c.Ready(ctx)
}
