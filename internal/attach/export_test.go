package attach

import "context"

// CheckNow runs the job that checks a file.
func (s *Service) CheckNow(ctx context.Context, fileID string) error {
	return s.check(ctx, CheckArgs{FileID: fileID})
}
