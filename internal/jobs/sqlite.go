package jobs

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riversqlite"

	"securepractice/internal/db"
)

// sqlite is River on the acts' writing connection.
type sqlite struct {
	*river.Client[*sql.Tx]
	wake chan struct{} // holds at most one call: more jobs are due than before
}

func newSQLite(d *db.DB, c *river.Config) (engine, error) {
	wake := make(chan struct{}, 1)
	client, err := river.NewClient(liteDriver{riversqlite.New(d.Writer()), wake}, c)
	if err != nil {
		return nil, err
	}
	return sqlite{client, wake}, nil
}

func (s sqlite) insert(tx *db.Tx, args river.JobArgs, opts *river.InsertOpts) error {
	tx.AfterCommit(func() {
		select {
		case s.wake <- struct{}{}:
		default: // a call is waiting already
		}
	})
	return tx.OnSQLite(func(ctx context.Context, t *sql.Tx) error {
		_, err := s.InsertTx(ctx, t, args, opts)
		return err
	})
}

// liteDriver is River's driver with another way to hear of new jobs. River's own asks a table twenty times a second, on
// the writing connection; but there is one process, and it knows when it has committed a job.
type liteDriver struct {
	*riversqlite.Driver
	wake chan struct{}
}

func (d liteDriver) GetListener(*riverdriver.GetListenenerParams) riverdriver.Listener {
	return listener(d.wake)
}

// listener tells River's producer to look for jobs. Everything else that River sends itself (who leads, pauses) matters
// between processes only.
type listener chan struct{}

func (l listener) WaitForNotification(ctx context.Context) (*riverdriver.Notification, error) {
	select {
	case <-l:
		return &riverdriver.Notification{Topic: "river_insert", Payload: fmt.Sprintf(`{"queue":%q}`, river.QueueDefault)}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (listener) Connect(context.Context) error          { return nil }
func (listener) Close(context.Context) error            { return nil }
func (listener) Listen(context.Context, string) error   { return nil }
func (listener) Unlisten(context.Context, string) error { return nil }
func (listener) Ping(context.Context) error             { return nil }
func (listener) Schema() string                         { return "" }
func (listener) SetAfterConnectExec(string)             {}
