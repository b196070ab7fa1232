package attach

import (
	"errors"
	"fmt"
	"io"
	"net/http"
)

// aheadWriter sends with one buffer being filled while the other is being sent: opening a file's seals and writing to
// the network take about as long, and each download has its own two buffers, whatever the file's size.
type aheadWriter struct{ http.ResponseWriter }

const aheadLen = 256 << 10

// Unwrap lets http.ResponseController reach the connection.
func (w aheadWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// chunk is a filled buffer, and the error that came with it.
type chunk struct {
	data []byte
	err  error
}

// ReadFrom is what io.Copy uses. It returns only after the reading goroutine has ended.
func (w aheadWriter) ReadFrom(r io.Reader) (sent int64, err error) {
	free, full := make(chan []byte, 2), make(chan chunk, 2)
	free <- make([]byte, aheadLen)
	free <- make([]byte, aheadLen)
	go fill(r, free, full)
	for c := range full {
		if err == nil && len(c.data) > 0 {
			var n int
			n, err = w.Write(c.data)
			sent += int64(n)
		}
		if err == nil && !errors.Is(c.err, io.EOF) {
			err = c.err
		}
		if err != nil && free != nil {
			close(free) // the reader stops at its next buffer; what it has filled is not sent
			free = nil
		}
		if free != nil {
			free <- c.data[:cap(c.data)]
		}
	}
	return sent, err
}

// fill reads into free buffers until the end, an error, or the closing of free. A panic here would end the process, as
// no server watches this goroutine: it becomes an error.
func fill(r io.Reader, free <-chan []byte, full chan<- chunk) {
	defer close(full)
	defer func() {
		if p := recover(); p != nil {
			full <- chunk{err: fmt.Errorf("attach: panic while reading: %v", p)}
		}
	}()
	for buf := range free {
		n, err := 0, error(nil)
		for n < len(buf) && err == nil {
			var m int
			m, err = r.Read(buf[n:])
			n += m
		}
		full <- chunk{buf[:n], err}
		if err != nil {
			return
		}
	}
}
