package preview

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Walls are what holds around a worker. Limits and NoNewPrivs always do, or it does not run.
type Walls struct {
	Files   bool `json:"files"`   // it can open no file but the system's own, for reading (Landlock)
	Calls   bool `json:"calls"`   // it can make no socket and enter no other name space (seccomp)
	Network bool `json:"network"` // it has no network and sees no other process (name spaces)
}

// confine takes from this thread what a renderer does not need and starts the program anew in its place: what a program
// starts with holds for all its threads, those of Go's runtime and the tools that it starts.
func confine(l Limits, args []string) error {
	runtime.LockOSThread()
	if err := setLimits(l); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("give up new rights: %w", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return fmt.Errorf("leave the folder: %w", err)
	}
	held := ""
	if denyFiles() == nil {
		held += "f"
	}
	if denyCalls() == nil {
		held += "c"
	}
	return syscall.Exec("/proc/self/exe", slices.Concat([]string{"securepractice", Command, "walls=" + held}, args), []string{}) //nolint:gosec // this very program
}

// setLimits sets the kernel's own. Go reserves far more addresses than it uses, so that its heap is held by RLIMIT_DATA, and
// RLIMIT_AS is only a roof for everything else.
func setLimits(l Limits) error {
	memory, seconds := uint64(l.Memory), uint64(l.Time) //nolint:gosec // both are our own settings
	type limit struct {
		which    int
		soft, to uint64
	}
	limits := []limit{
		{unix.RLIMIT_CORE, 0, 0},
		{unix.RLIMIT_CPU, seconds, seconds + 1},
		{unix.RLIMIT_FSIZE, 0, 0},
		{unix.RLIMIT_NOFILE, 64, 64},
	}
	if !raced {
		limits = append(limits, limit{unix.RLIMIT_DATA, memory, memory}, limit{unix.RLIMIT_AS, memory + addresses, memory + addresses})
	}
	if os.Getpid() == 1 { // in a name space of its own, where its user has no other processes that would count
		limits = append(limits, limit{unix.RLIMIT_NPROC, processes, processes})
	}
	for _, r := range limits {
		if err := syscall.Setrlimit(r.which, &syscall.Rlimit{Cur: r.soft, Max: r.to}); err != nil {
			return fmt.Errorf("set limit %d: %w", r.which, err)
		}
	}
	return nil
}

// processes and threads that a worker and its tools may have.
const processes = 128

// addresses in bytes is what Go's runtime reserves besides its heap, with room.
const addresses = 3 << 30

// readable are the folders that programs are made of. Whatever holds data or settings of the portal is not among them.
var readable = []string{"/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/fonts", "/etc/alternatives", "/var/cache/fontconfig", "/proc/self/exe"}

// denyFiles lets this thread open files of the system only, and only to read and run them.
func denyFiles() error {
	abi, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if e != 0 {
		return e
	}
	attr := handled(int(abi))
	fd, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), attrLen(int(abi)), 0) //nolint:gosec // the kernel's call takes an address
	if e != 0 {
		return e
	}
	rules := int(fd)
	defer unix.Close(rules) //nolint:errcheck // it ends with this process
	for _, path := range readable {
		if err := allow(rules, path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if _, _, e := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(rules), 0, 0); e != 0 {
		return e
	}
	return nil
}

// handled are the acts that are denied unless a rule allows them: all that the kernel's version knows.
func handled(abi int) unix.LandlockRulesetAttr {
	a := unix.LandlockRulesetAttr{Handled_access_fs: unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1}
	if abi >= 2 {
		a.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if abi >= 3 {
		a.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if abi >= 4 {
		a.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if abi >= 5 {
		a.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if abi >= 6 {
		a.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}
	return a
}

// attrLen is how much of the structure the kernel's version knows.
func attrLen(abi int) uintptr {
	switch {
	case abi < 4:
		return 8
	case abi < 6:
		return 16
	}
	return 24
}

func allow(rules int, path string) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd) //nolint:errcheck // it ends with this process
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	access := uint64(unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_EXECUTE)
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		access |= unix.LANDLOCK_ACCESS_FS_READ_DIR
	}
	beneath := unix.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(fd)}                                                             //nolint:gosec // a file's number
	_, _, e := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(rules), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&beneath)), 0, 0, 0) //nolint:gosec // the kernel's call takes an address
	if e != 0 {
		return e
	}
	return nil
}
