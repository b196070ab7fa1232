package mail

import (
	"context"
	"fmt"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/fault"
)

// maxChosen is how many conversations one act on a list takes.
const maxChosen = 100

// The acts on conversations, as forms call them.
const (
	doArchive = "archive"
	doInbox   = "inbox"
	doTrash   = "trash"
	doRestore = "restore"
	doRead    = "read"
	doUnread  = "unread"
)

// act does one thing to some of the actor's conversations, in one transaction, and lists those it was done to. Another's
// are not there.
func (s *Service) act(ctx context.Context, by actor.Actor, do string, threadIDs []string) (done []string, err error) {
	if len(threadIDs) == 0 {
		return nil, nil
	}
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) (err error) {
		if done, err = changeThreads(ctx, tx, by.ID, do, threadIDs); err != nil {
			return fmt.Errorf("change mailbox rows: %w", err)
		}
		tx.AfterCommit(func() { s.o.Hub.Wake(by.ID) })
		return s.o.Audit.RecordAll(ctx, tx, by, actEvents(do, done))
	})
	return done, err
}

func changeThreads(ctx context.Context, tx *db.Tx, userID, do string, threadIDs []string) ([]string, error) {
	switch do {
	case doArchive:
		return moveThreads(ctx, tx, userID, threadIDs, Archive)
	case doInbox:
		return moveThreads(ctx, tx, userID, threadIDs, Inbox)
	case doTrash:
		return trashThreads(ctx, tx, userID, threadIDs)
	case doRestore:
		return restoreThreads(ctx, tx, userID, threadIDs)
	case doRead, doUnread:
		return markThreads(ctx, tx, userID, threadIDs, do == doUnread)
	}
	return nil, fault.ErrNotFound()
}

// actEvents are the lines that the trail keeps of an act: what left the folders, and what came back.
func actEvents(do string, threadIDs []string) (list []audit.Event) {
	action := map[string]string{doTrash: audit.MailTrashed, doRestore: audit.MailRestored}[do]
	if action == "" {
		return nil
	}
	for _, id := range threadIDs {
		list = append(list, audit.Event{Action: action, SubjectKind: "thread", SubjectID: id, ThreadID: id})
	}
	return list
}

// actOne does one thing to one of the actor's conversations. Done already is done; what can only be in Sent is not moved.
func (s *Service) actOne(ctx context.Context, by actor.Actor, do, threadID string) error {
	done, err := s.act(ctx, by, do, []string{threadID})
	if err != nil || len(done) == 1 {
		return err
	}
	folder, err := folderOf(ctx, s.o.DB, by.ID, threadID)
	if err != nil {
		return fmt.Errorf("look up a folder: %w", err)
	}
	again := do == doTrash && folder == Trash || do == doRestore && (folder == Inbox || folder == Archive)
	if !again {
		return s.refuse(ctx, by, "thread", threadID)
	}
	return nil
}

// fetch decides about the download of one attachment: the key that opens its link, after a line in the trail. The author
// of a draft may fetch its files, a participant those of every message they may see.
func (s *Service) fetch(ctx context.Context, by actor.Actor, linkID string) (crypt.Sealer, error) {
	r, err := s.reach(ctx, by, linkID)
	if err != nil {
		return nil, err
	}
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.FileDownloaded, SubjectKind: "file", SubjectID: linkID, ThreadID: r.threadID})
	})
	return r.key, err
}

// opener finds what opens the files of a message or draft that the actor may see; nil when there is none such.
func (s *Service) opener(ctx context.Context, by actor.Actor, id string) (crypt.Sealer, string, error) {
	m, found, err := findVisible(ctx, s.o.DB, by.ID, id, s.now())
	if err != nil {
		return nil, "", fmt.Errorf("look up a message: %w", err)
	}
	if found {
		k, err := s.unwrap(ctx, s.o.DB, m.threadID, m.ownerID, m.wrapped)
		if err != nil {
			return nil, "", err
		}
		return k, m.threadID, nil
	}
	d, found, err := findDraft(ctx, s.o.DB, by.ID, id)
	if err != nil {
		return nil, "", fmt.Errorf("look up a draft: %w", err)
	}
	if !found {
		return nil, "", nil
	}
	k, err := s.o.Keys.Owner(ctx, s.o.DB, d.ownerID)
	if err != nil {
		return nil, "", fmt.Errorf("find a writer's keys: %w", err)
	}
	return k, d.threadID, nil
}
