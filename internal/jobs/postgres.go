package jobs

import (
	"context"
	"errors"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"securepractice/internal/db"
)

// postgres is River on the acts' pool.
type postgres struct{ *river.Client[pgx.Tx] }

func newPostgres(d *db.DB, c *river.Config) (engine, error) {
	client, err := river.NewClient(riverpgxv5.New(d.Pool()), c)
	if err != nil {
		return nil, err
	}
	return postgres{client}, nil
}

func (p postgres) insert(tx *db.Tx, args river.JobArgs, opts *river.InsertOpts) error {
	return tx.OnPostgres(func(ctx context.Context, conn *pgx.Conn) error {
		_, err := p.InsertTx(ctx, rawTx{c: conn}, args, opts)
		return err
	})
}

// rawTx presents a pgx connection, already inside a transaction that database/sql opened, as a pgx.Tx: so a job
// commits with the act's own rows.
type rawTx struct {
	c     *pgx.Conn
	depth int // savepoints inside the transaction; 0 is the transaction itself
}

func (t rawTx) point() string { return "jobs_" + strconv.Itoa(t.depth) }

func (t rawTx) Begin(ctx context.Context) (pgx.Tx, error) {
	in := rawTx{t.c, t.depth + 1}
	_, err := t.c.Exec(ctx, "SAVEPOINT "+in.point())
	return in, err
}

func (t rawTx) Commit(ctx context.Context) error {
	if t.depth == 0 {
		return errors.New("jobs: the commit belongs to the act")
	}
	_, err := t.c.Exec(ctx, "RELEASE SAVEPOINT "+t.point())
	return err
}

func (t rawTx) Rollback(ctx context.Context) error {
	if t.depth == 0 {
		return errors.New("jobs: the rollback belongs to the act")
	}
	_, err := t.c.Exec(ctx, "ROLLBACK TO SAVEPOINT "+t.point())
	return err
}

func (t rawTx) Conn() *pgx.Conn { return t.c }

func (t rawTx) Exec(ctx context.Context, q string, args ...any) (pgconn.CommandTag, error) {
	return t.c.Exec(ctx, q, args...)
}

func (t rawTx) Query(ctx context.Context, q string, args ...any) (pgx.Rows, error) {
	return t.c.Query(ctx, q, args...)
}

func (t rawTx) QueryRow(ctx context.Context, q string, args ...any) pgx.Row {
	return t.c.QueryRow(ctx, q, args...)
}

func (t rawTx) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	return t.c.SendBatch(ctx, b)
}

func (t rawTx) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, src pgx.CopyFromSource) (int64, error) {
	return t.c.CopyFrom(ctx, table, columns, src)
}

func (t rawTx) Prepare(ctx context.Context, name, q string) (*pgconn.StatementDescription, error) {
	return t.c.Prepare(ctx, name, q)
}

func (t rawTx) LargeObjects() pgx.LargeObjects { return pgx.LargeObjects{} }
