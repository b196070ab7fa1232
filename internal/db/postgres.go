package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

// postgres is the engine for many nodes: one pgx pool for statements, jobs and notifications.
type postgres struct {
	pool  *pgxpool.Pool
	sql   *sql.DB
	limit time.Duration
}

// defaultConns leaves room for several nodes within PostgreSQL's own default of 100.
const defaultConns = 24

func openPostgres(ctx context.Context, url string, o Options) (*postgres, error) {
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the address cannot be read") // the cause repeats the address
	}
	switch {
	case o.Conns > 0:
		c.MaxConns = int32(min(o.Conns, 10_000))
	case !strings.Contains(url, "pool_max_conns"):
		c.MaxConns = defaultConns
	}
	if c.ConnConfig.RuntimeParams["application_name"] == "" {
		c.ConnConfig.RuntimeParams["application_name"] = "securepractice"
	}
	c.AfterConnect = insistOnDurability
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	return &postgres{pool: pool, sql: stdlib.OpenDBFromPool(pool), limit: o.ActLimit}, nil
}

// insistOnDurability turns synchronous_commit on where a role's or a database's setting has turned it off: InTx returns
// only when the act is on disk.
func insistOnDurability(ctx context.Context, c *pgx.Conn) error {
	_, err := c.Exec(ctx, `
		SELECT set_config('synchronous_commit', 'on', false)
		WHERE current_setting('synchronous_commit') = 'off'`)
	return err
}

func (p *postgres) readers() *sql.DB { return p.sql }

func (p *postgres) close() error {
	err := p.sql.Close()
	p.pool.Close()
	return err
}

func (p *postgres) act(ctx context.Context, fn actFunc) (*Tx, error) {
	wait, stop := context.WithTimeout(ctx, waitForConn)
	defer stop()
	conn, err := p.sql.Conn(wait)
	if err != nil {
		return nil, fmt.Errorf("wait for a connection: %w", err)
	}
	defer func() { _ = conn.Close() }() // only "already closed" is possible
	// COMMIT and ROLLBACK run under this context, so it lasts longer than the statements may.
	whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*p.limit)
	defer cancel()
	t, err := conn.BeginTx(whole, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return nil, err
	}
	defer func() { _ = t.Rollback() }() // after COMMIT it does nothing; a connection on which it fails is not used again
	tx, err := lend(ctx, p.limit, conn, t, fn)
	if err == nil {
		err = t.Commit()
	}
	if err != nil && (conflict(err) || tx.conflicted()) {
		err = again(err)
	}
	return tx, err
}

// conflict says whether PostgreSQL undid the transaction because of another one.
func conflict(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == "40001" || e.Code == "40P01")
}

// conflicted looks at the statement's own error, which the act's function may have wrapped out of sight.
func (tx *Tx) conflicted() bool { return conflict(tx.cause()) }
