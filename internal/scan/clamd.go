package scan

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// Clamd asks a clamd, over its socket on this machine or over TCP in a private network. It is safe for use by many at once.
//
// Nothing is clean until clamd has shown that its limits hold what the portal takes (Prove): one that is set up for smaller
// files would pass the larger ones without looking at them.
type Clamd struct {
	network, address string
	most             int64 // bytes of the largest file it must look at

	mu     sync.Mutex
	proved time.Time // when its limits were last shown; zero: not since it last failed
}

// What clamd may take. Its own ReadTimeout and MaxScanTime are to be shorter.
const (
	clamdDial   = 5 * time.Second
	clamdWrite  = 30 * time.Second // for one chunk
	clamdAnswer = 5 * time.Minute  // after the last byte; the largest file takes it seconds to minutes
	clamdShort  = 10 * time.Second // for PING and VERSION

	clamdChunk  = 256 << 10
	clamdReply  = 1 << 10 // longer answers are none
	proofLasts  = 24 * time.Hour
	clamdPrefix = "ClamAV "
)

// What is wrong with a clamd that answers.
var (
	ErrAnswer = errors.New("scan: clamd gave an answer that is none")
	ErrLimits = errors.New("scan: clamd passes files of the size that the portal takes without looking at them; set StreamMaxLength, MaxFileSize and MaxScanSize above it (docs/operations.md)")
)

// NewClamd takes the address "unix:/path/of/socket" or "tcp:host:port" and the size in bytes of the largest file.
func NewClamd(address string, most int64) (*Clamd, error) {
	network, where, _ := strings.Cut(address, ":")
	if err := CheckAddress(address); err != nil {
		return nil, err
	}
	return &Clamd{network: network, address: where, most: most}, nil
}

// CheckAddress says what is wrong with an address of clamd.
func CheckAddress(address string) error {
	network, where, _ := strings.Cut(address, ":")
	switch network {
	case "unix":
		if strings.HasPrefix(where, "/") {
			return nil
		}
	case "tcp":
		if _, port, err := net.SplitHostPort(where); err == nil && port != "" {
			return nil
		}
	}
	return errors.New("clamd: write unix:/path/of/its/socket or tcp:host:port")
}

// Name is what people know it by.
func (c *Clamd) Name() string { return "ClamAV" }

// Scan gives the stream to clamd. The verdict carries the version of the signatures from before the scan, so that ones
// that came meanwhile look at the file again.
func (c *Clamd) Scan(ctx context.Context, r io.Reader) (Verdict, error) {
	if err := c.prove(ctx); err != nil {
		return Verdict{}, err
	}
	v, err := c.judge(ctx, r)
	if err != nil {
		c.forget()
	}
	return v, err
}

// Version is what clamd calls itself and its signatures, such as "ClamAV 1.4.6/27940".
func (c *Clamd) Version(ctx context.Context) (string, error) {
	answer, err := c.ask(ctx, "VERSION")
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(answer, clamdPrefix) {
		return "", fmt.Errorf("%w: to VERSION", ErrAnswer)
	}
	part := strings.SplitN(answer, "/", 3) // the third is a date
	return strings.Join(part[:min(len(part), 2)], "/"), nil
}

// Ping asks whether clamd is there.
func (c *Clamd) Ping(ctx context.Context) error {
	answer, err := c.ask(ctx, "PING")
	if err == nil && answer != "PONG" {
		err = fmt.Errorf("%w: to PING", ErrAnswer)
	}
	return err
}

// Ready says what keeps clamd from judging files now; nil when nothing does.
func (c *Clamd) Ready(ctx context.Context) error {
	if err := c.Ping(ctx); err != nil {
		c.forget()
		return err
	}
	return c.prove(ctx)
}

// Prove shows that clamd looks at the whole of the largest file: it must find the EICAR test file at the end of one. Its
// settings cannot be asked for.
func (c *Clamd) Prove(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.proveLocked(ctx)
}

// prove is Prove when it has not been shown in the last day or since clamd last failed. Those who come meanwhile wait.
func (c *Clamd) prove(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.proved) < proofLasts {
		return nil
	}
	return c.proveLocked(ctx)
}

func (c *Clamd) proveLocked(ctx context.Context) error {
	c.proved = time.Time{}
	proof := largest(c.most)
	defer proof.Close() //nolint:errcheck // a reader of memory
	v, err := c.judge(ctx, proof)
	if err == nil && (v.Clean || v.Partial) {
		err = ErrLimits
	}
	if err != nil {
		return fmt.Errorf("show that clamd looks at whole files: %w", err)
	}
	c.proved = time.Now()
	return nil
}

// forget lets the next scan show the limits anew: the clamd that comes back may be set up otherwise.
func (c *Clamd) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.proved = time.Time{}
}

// What clamd says about its limits: to a stream that is longer, and about one of which it saw a part.
const (
	tooLong = "INSTREAM size limit exceeded. ERROR"
	partly  = "Heuristics.Limits.Exceeded"
)

// judge sends a stream and reads the verdict.
func (c *Clamd) judge(ctx context.Context, r io.Reader) (Verdict, error) {
	signature, err := c.Version(ctx)
	if err != nil {
		return Verdict{}, err
	}
	var answer string
	err = c.talk(ctx, func(conn net.Conn) (err error) {
		if err := send(conn, r); err != nil {
			return err
		}
		answer, err = read(conn, clamdAnswer)
		return err
	})
	if err != nil {
		return Verdict{}, err
	}
	return verdictOf(answer, signature)
}

// verdictOf takes clamd's answer to a stream by its exact words.
func verdictOf(answer, signature string) (Verdict, error) {
	said, ok := strings.CutPrefix(answer, "stream: ")
	threat, found := strings.CutSuffix(said, " FOUND")
	switch {
	case answer == tooLong:
		return Verdict{}, ErrLimits
	case ok && said == "OK":
		return Verdict{Clean: true, Signature: signature}, nil
	case ok && found && threat != "":
		return Verdict{Threat: threat, Signature: signature, Partial: strings.HasPrefix(threat, partly)}, nil
	}
	return Verdict{}, ErrAnswer // its words could quote the file
}

// ask sends a command that has a short answer.
func (c *Clamd) ask(ctx context.Context, command string) (answer string, err error) {
	err = c.talk(ctx, func(conn net.Conn) (err error) {
		if err := write(conn, []byte("z"+command+"\x00")); err != nil {
			return err
		}
		answer, err = read(conn, clamdShort)
		return err
	})
	return answer, err
}

// talk opens a connection for one command, and closes it at once when the caller leaves.
func (c *Clamd) talk(ctx context.Context, say func(net.Conn) error) error {
	d := net.Dialer{Timeout: clamdDial}
	conn, err := d.DialContext(ctx, c.network, c.address)
	if err != nil {
		return fmt.Errorf("reach clamd: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer func() { stop(); _ = conn.Close() }()
	if err := say(conn); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return fmt.Errorf("talk to clamd: %w", err)
	}
	return nil
}

// send gives clamd a stream in frames: each its length and its bytes, the last empty. When clamd ends the stream early
// its reason is read, which is never a verdict on the whole.
func send(conn net.Conn, r io.Reader) error {
	if err := write(conn, []byte("zINSTREAM\x00")); err != nil {
		return err
	}
	frame := make([]byte, 4+clamdChunk)
	for {
		n, err := io.ReadFull(r, frame[4:])
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("read what is to be scanned: %w", err)
		}
		last := err != nil
		if n > 0 {
			binary.BigEndian.PutUint32(frame, uint32(n)) //nolint:gosec // at most clamdChunk
			if err := write(conn, frame[:4+n]); err != nil {
				return early(conn, err)
			}
		}
		if last {
			return write(conn, make([]byte, 4))
		}
	}
}

// early finds out why clamd stopped reading.
func early(conn net.Conn, broken error) error {
	if answer, err := read(conn, clamdDial); err == nil && answer == tooLong {
		return ErrLimits
	}
	return broken
}

func write(conn net.Conn, b []byte) error {
	if err := conn.SetWriteDeadline(time.Now().Add(clamdWrite)); err != nil {
		return err
	}
	_, err := conn.Write(b)
	return err
}

// read reads an answer to its end, which is a zero byte. A connection that ends before it gave none.
func read(conn net.Conn, wait time.Duration) (string, error) {
	if err := conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return "", err
	}
	answer, err := bufio.NewReader(io.LimitReader(conn, clamdReply)).ReadString(0)
	if err != nil {
		return "", fmt.Errorf("%w: it ends early: %w", ErrAnswer, err)
	}
	return strings.TrimSuffix(answer, "\x00"), nil
}
