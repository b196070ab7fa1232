package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
)

// preparing makes SQLite connections that keep their statements prepared: the driver by itself parses and plans a text
// again at each call, which costs more than running it.
type preparing struct{ driver.Connector }

func (p preparing) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := p.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	lite, ok := c.(liteConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("unexpected SQLite connection %T", c), c.Close())
	}
	return &preparedConn{liteConn: lite, kept: map[string]*preparedStmt{}}, nil
}

// liteConn is everything database/sql asks of the driver's connection.
type liteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type liteStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// maxPrepared is more than the house has texts; beyond it a connection starts anew.
const maxPrepared = 500

// preparedConn is used by one goroutine at a time, as database/sql sees to.
type preparedConn struct {
	liteConn
	kept map[string]*preparedStmt
}

type preparedStmt struct {
	liteStmt
	reading bool // its rows are still open: it cannot run a second time
}

// prepared is the kept statement for a text, nil when the text must go to the driver as it is.
func (c *preparedConn) prepared(ctx context.Context, query string) (*preparedStmt, error) {
	if s := c.kept[query]; s != nil {
		if s.reading {
			return nil, nil //nolint:nilnil // documented: the driver runs it
		}
		return s, nil
	}
	if strings.HasPrefix(query, "PRAGMA") { // some take effect when they are prepared
		return nil, nil //nolint:nilnil // documented: the driver runs it
	}
	if len(c.kept) >= maxPrepared {
		c.forget()
	}
	d, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	lite, ok := d.(liteStmt)
	if !ok {
		return nil, errors.Join(fmt.Errorf("unexpected SQLite statement %T", d), d.Close())
	}
	s := &preparedStmt{liteStmt: lite}
	c.kept[query] = s
	return s, nil
}

func (c *preparedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	s, err := c.prepared(ctx, query)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.liteConn.ExecContext(ctx, query, args)
	}
	return s.ExecContext(ctx, args)
}

func (c *preparedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.prepared(ctx, query)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.liteConn.QueryContext(ctx, query, args)
	}
	rows, err := s.QueryContext(ctx, args)
	if err != nil {
		return nil, err
	}
	s.reading = true
	return preparedRows{rows, s}, nil
}

// forget closes what is not being read.
func (c *preparedConn) forget() {
	for text, s := range c.kept {
		if !s.reading {
			delete(c.kept, text)
			_ = s.Close() // frees memory; it reports the error of the last run, which was seen
		}
	}
}

// Close closes the statements first: SQLite keeps a connection open for as long as it has one.
func (c *preparedConn) Close() error {
	for text, s := range c.kept {
		delete(c.kept, text)
		_ = s.Close() // frees memory; it reports the error of the last run, which was seen
	}
	return c.liteConn.Close()
}

// preparedRows frees its statement for the next run.
type preparedRows struct {
	driver.Rows
	stmt *preparedStmt
}

func (r preparedRows) Close() error {
	r.stmt.reading = false
	return r.Rows.Close()
}
