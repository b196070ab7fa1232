package preview

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// nobody is the user that a worker is, outside when this program is root, and else only in its own name space.
const nobody = 65534

// apart gives a command a process group, and unless plain its own users, network, processes and mounts.
func apart(cmd *exec.Cmd, plain bool) {
	attr := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	root := os.Geteuid() == 0
	if root {
		attr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	if !plain {
		attr.Cloneflags = unix.CLONE_NEWUSER | unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWNS
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Getegid(), Size: 1}}
		if root {
			attr.UidMappings[0].HostID, attr.GidMappings[0].HostID, attr.GidMappingsEnableSetgroups = nobody, nobody, true
		}
	}
	cmd.SysProcAttr = attr
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// peak is the most memory that a process had, in bytes, without the tools that it started. The kernel counts what this program
// had when it started it, so that small ones are not told apart.
func peak(s *os.ProcessState) int64 {
	if u, ok := s.SysUsage().(*syscall.Rusage); ok {
		return u.Maxrss << 10
	}
	return 0
}

// input copies a file into memory that has no name, and seals it: whoever has it can only read it.
func input(src io.Reader, size int64) (*os.File, error) {
	fd, err := unix.MemfdCreate("preview", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("get memory: %w", err)
	}
	f := os.NewFile(uintptr(fd), "preview")
	n, err := io.Copy(struct{ io.Writer }{f}, io.LimitReader(src, size+1))
	if err == nil && n != size {
		err = fmt.Errorf("%d bytes instead of %d", n, size)
	}
	if err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
