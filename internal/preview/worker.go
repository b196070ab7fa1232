package preview

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

// Command is the word after the program's name that makes it a worker.
const Command = "preview-worker"

// asked is set once the program has asked IsWorker: only such a program can be started as a worker of itself.
var asked bool

// IsWorker says whether this process was started as a worker. The program asks before anything else and then calls Worker.
func IsWorker() bool {
	asked = true
	return len(os.Args) > 1 && os.Args[1] == Command
}

// Able says whether this program can be its own worker. One that never asks IsWorker would do all its own work again.
func Able() bool { return asked }

// Worker is the whole life of a worker: it confines itself, reads the file from its standard input, and writes pages to its
// standard output. It returns the status to exit with.
//
// It runs twice: first as it was started, "preview-worker <seconds> <bytes> <extension>", and then in the place of that,
// behind its walls, "preview-worker walls=<held> <seconds> <bytes> <extension>".
func Worker() int {
	args := os.Args[2:]
	held, confined := "", false
	if len(args) > 0 {
		held, confined = strings.CutPrefix(args[0], "walls=")
	}
	if confined {
		args = args[1:]
	}
	if len(args) != 3 {
		return 2
	}
	seconds, err := strconv.Atoi(args[0])
	memory, err2 := strconv.ParseInt(args[1], 10, 64)
	if err != nil || err2 != nil {
		return 2
	}
	if !confined {
		fmt.Fprintln(os.Stderr, confine(Limits{Time: seconds, Memory: memory}, args)) // it returns only when it could not
		return 3
	}
	runtime.GOMAXPROCS(min(2, runtime.NumCPU()))
	debug.SetMemoryLimit(memory / 4 * 3)
	if err := answer(os.Stdin, os.Stdout, held, args[2]); err != nil {
		return 1
	}
	return 0
}

// answer says which walls hold and which tools are here, renders, and says how it went.
func answer(in *os.File, out io.Writer, held, ext string) error {
	if err := writeFrame(out, kindHello, 0, [3]int{}, []byte(held+tools())); err != nil {
		return err
	}
	if ext == "" {
		return writeEnd(out, nil)
	}
	st, err := in.Stat()
	if err != nil {
		return err
	}
	return writeEnd(out, render(ext, in, st.Size(), func(p Page) error { return writePage(out, p) }))
}

// tools are the marks of what is installed here besides this program.
func tools() string {
	for _, name := range popplers {
		if _, err := os.Stat(name); err != nil {
			return ""
		}
	}
	return "p"
}
