package db

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// MostTold is how long a word may be that Tell sends, in bytes (PostgreSQL, NOTIFY: under 8,000).
const MostTold = 7_900

// listenCheck is how long a listener trusts a silent connection.
const listenCheck = 30 * time.Second

// Tell sends a word to everybody who listens to a channel at this moment, on every node. Nothing keeps it: whoever does not
// listen misses it. PostgreSQL only.
func (d *DB) Tell(ctx context.Context, channel, word string) error {
	_, err := d.pg.pool.Exec(ctx, "SELECT pg_notify($1, $2)", channel, word)
	return err
}

// Listen hands on what is told on a channel, on a connection of its own, until ctx ends or the connection is lost, and says
// why. begun is called when it hears: what was told before may have been missed. PostgreSQL only.
func (d *DB) Listen(ctx context.Context, channel string, begun func(), heard func(word string)) error {
	conn, err := pgx.ConnectConfig(ctx, d.pg.pool.Config().ConnConfig)
	if err != nil {
		return errors.New("connect to listen: the database does not answer") // the cause may repeat the address
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // it is given up either way
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{channel}.Sanitize()); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	begun()
	for {
		n, err := waitForWord(ctx, conn)
		if err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		if n != nil {
			heard(n.Payload)
		}
	}
}

// waitForWord waits a while; nil when nothing was said, and the connection is alive.
func waitForWord(ctx context.Context, conn *pgx.Conn) (*pgconn.Notification, error) {
	wait, cancel := context.WithTimeout(ctx, listenCheck)
	defer cancel()
	n, err := conn.WaitForNotification(wait)
	if err == nil || ctx.Err() != nil || wait.Err() == nil {
		return n, err
	}
	alive, stop := context.WithTimeout(ctx, listenCheck/3)
	defer stop()
	return nil, conn.Ping(alive)
}
