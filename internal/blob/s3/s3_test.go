package s3_test

import (
	"testing"

	"securepractice/internal/blob"
	"securepractice/internal/blob/blobtest"
	"securepractice/internal/blob/s3/s3test"
)

func TestSuite(t *testing.T) {
	blobtest.Suite(t, func(t *testing.T) blob.Store {
		s, _ := s3test.Open(t)
		return s
	})
}
