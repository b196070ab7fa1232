package attach

import (
	"fmt"

	"securepractice/internal/fault"
	"securepractice/internal/ui"
)

// Why a file was blocked, as attach_file.reason keeps it.
const (
	reasonType      = "type"    // the content is not what the name says
	reasonProgram   = "program" // something a computer would run
	reasonArchive   = "archive" // unpacks to too much, or is not a whole archive
	reasonInside    = "program_inside"
	reasonPixels    = "pixels"    // a picture that unpacks to too much
	reasonEncrypted = "encrypted" // has a password, so nobody can check it
	reasonDamaged   = "damaged"   // the stored bytes do not open
	reasonVirus     = "virus"
	reasonLater     = "virus_later" // found by signatures that came after it was sent
	reasonLost      = "lost"        // it was clean, and its stored bytes are gone or changed since
)

// sentence says why a file is blocked, and what to do.
func sentence(name, reason string) string {
	switch reason {
	case "":
		return ""
	case reasonVirus:
		return name + " contains a virus and was not attached"
	case reasonLater:
		return name + " was found to contain a virus and cannot be opened any more"
	case reasonArchive:
		return name + " could not be checked and was not attached. Attach the files in it one by one."
	case reasonInside:
		return name + " holds a program, so it was not attached. Attach the other files in it one by one."
	case reasonPixels:
		return name + " is a picture too large to be opened safely and was not attached. Save it smaller, then attach it again."
	case reasonEncrypted:
		return name + " has a password, so it could not be checked for viruses. Attach it without the password."
	case reasonLost:
		return name + " was damaged in storage and can no longer be opened. Ask its sender for it again."
	case reasonDamaged:
		return failedText(name)
	}
	return typeText(name)
}

func typeText(name string) string { return name + ": this file type is not accepted" }
func failedText(name string) string {
	return "Upload of " + name + " failed. Check your connection, then attach it again."
}

func emptyFault(name string) error  { return fault.Field(field, name+" is empty") }
func typeFault(name string) error   { return fault.Field(field, typeText(name)) }
func doubleFault(name string) error { return fault.Field(field, name+" is already attached") }
func failedFault(name string) error { return fault.Field(field, failedText(name)) }

func (s *Service) tooLargeFault(name string, left int64) error {
	return fault.Field(field, fmt.Sprintf("%s is too large. All attachments together can be up to %s; %s are left.",
		name, ui.Bytes(s.set.MaxTotal), ui.Bytes(max(left, 0))))
}

func (s *Service) tooManyFault() error {
	return fault.Field(field, fmt.Sprintf("A message can have up to %d attachments. Remove one first, or send a second message.", s.set.MaxFiles))
}

func closedFault() error {
	return fault.New(fault.Conflict, "This message was sent or discarded. Its attachments can no longer be changed.")
}

func busyFault() error {
	return fault.New(fault.Busy, "Many files are being uploaded just now. Try again in a moment.")
}
