package ui

import "fmt"

// Stored says how much somebody has stored: "1,234 files, 4.2 GB". No files are "No files".
func Stored(files, bytes int64) string {
	switch files {
	case 0:
		return "No files"
	case 1:
		return "1 file, " + Bytes(bytes)
	}
	return grouped(files) + " files, " + Bytes(bytes)
}

// grouped writes a number with a comma before each three digits.
func grouped(n int64) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return grouped(n/1000) + "," + fmt.Sprintf("%03d", n%1000)
}
