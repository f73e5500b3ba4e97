package web

import (
	"io/fs"
	"syscall"
)

// inode tells a file from another one that was put in its place.
func inode(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Ino
	}
	return 0
}
