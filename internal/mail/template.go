package mail

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/practice"
)

// The limits of a template in characters.
const (
	maxTitle    = 100
	maxTemplate = 5000
)

// Template is a ready text of a practice. Version 0 has never been saved.
type Template struct {
	ID, Title, Body string
	Version         int64
}

// hasTemplates says who has a practice's templates: its members. Nobody else sees that there are any.
func hasTemplates(by actor.Actor) bool { return by.Kind == actor.User && by.PracticeID != "" }

// writesTemplates says who changes them: User Managers, and paid users.
func writesTemplates(by actor.Actor) bool { return hasTemplates(by) && (by.Manager || by.Paid) }

func mayReadTemplates(by actor.Actor) error {
	if !hasTemplates(by) {
		return fault.ErrNotFound()
	}
	return nil
}

func mayWriteTemplates(by actor.Actor) error {
	if err := mayReadTemplates(by); err != nil {
		return err
	}
	if !writesTemplates(by) {
		return fault.New(fault.Forbidden, "Templates are written by User Managers and paid users of your practice.")
	}
	return nil
}

// titles lists the templates of the actor's practice by title, without their texts.
func (s *Service) titles(ctx context.Context, by actor.Actor) ([]Template, error) {
	return s.listTemplates(ctx, by, false)
}

func (s *Service) listTemplates(ctx context.Context, by actor.Actor, texts bool) ([]Template, error) {
	if !hasTemplates(by) {
		return nil, nil
	}
	rows, err := listTemplates(ctx, s.o.DB, by.PracticeID)
	if err != nil {
		return nil, fmt.Errorf("list templates: %w", err)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	o, err := s.o.Keys.Owner(ctx, s.o.DB, by.OwnerID)
	if err != nil {
		return nil, fmt.Errorf("find a practice's keys: %w", err)
	}
	list := make([]Template, len(rows))
	for i, row := range rows {
		if list[i], err = row.open(o, texts); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(list, func(a, b Template) int { return strings.Compare(strings.ToLower(a.Title), strings.ToLower(b.Title)) })
	return list, nil
}

// place names a row, to which its columns are bound.
func (t templateRow) place() string { return t.practiceID + "/" + t.id }

func (t templateRow) open(o crypt.Sealer, text bool) (Template, error) {
	title, err := o.Open("mail_template", "title_sealed", t.place(), t.title)
	if err != nil {
		return Template{}, fmt.Errorf("open a template: %w", err)
	}
	opened := Template{ID: t.id, Title: string(title), Version: t.version}
	if text {
		body, err := o.Open("mail_template", "body_sealed", t.place(), t.body)
		if err != nil {
			return Template{}, fmt.Errorf("open a template: %w", err)
		}
		opened.Body = string(body)
	}
	return opened, nil
}

func (s *Service) sealTemplate(ctx context.Context, by actor.Actor, t Template) (templateRow, error) {
	row := templateRow{practiceID: by.PracticeID, id: t.ID, by: by.ID, version: t.Version, updatedAt: s.now()}
	o, err := s.o.Keys.Owner(ctx, s.o.DB, by.OwnerID)
	if err != nil {
		return row, fmt.Errorf("find a practice's keys: %w", err)
	}
	title, err1 := o.Seal("mail_template", "title_sealed", row.place(), []byte(t.Title))
	body, err2 := o.Seal("mail_template", "body_sealed", row.place(), []byte(t.Body))
	row.title, row.body = title, body
	return row, errors.Join(err1, err2)
}

// template reads one of the actor's practice.
func (s *Service) template(ctx context.Context, by actor.Actor, id string) (Template, error) {
	if err := mayReadTemplates(by); err != nil {
		return Template{}, err
	}
	row, found, err := findTemplate(ctx, s.o.DB, by.PracticeID, id)
	if err != nil {
		return Template{}, fmt.Errorf("read a template: %w", err)
	}
	if !found {
		return Template{}, s.refuse(ctx, by, "template", id)
	}
	o, err := s.o.Keys.Owner(ctx, s.o.DB, by.OwnerID)
	if err != nil {
		return Template{}, fmt.Errorf("find a practice's keys: %w", err)
	}
	return row.open(o, true)
}

// SaveTemplate stores a template of the actor's practice: a new one with version 0, else over the version the writer has
// seen. Conflict when another has been saved since, or the template is gone. The same form sent again is the same template.
func (s *Service) SaveTemplate(ctx context.Context, by actor.Actor, t Template) error {
	if err := mayWriteTemplates(by); err != nil {
		return err
	}
	if !validID(t.ID) {
		return fault.ErrNotFound()
	}
	t.Title, t.Body = practice.OneLine(t.Title), strings.TrimRight(t.Body, " \t\n")
	if err := checkTemplate(t); err != nil {
		return err
	}
	row, err := s.sealTemplate(ctx, by, t)
	if err != nil {
		return err
	}
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		var saved bool
		if t.Version == 0 {
			saved, err = insertTemplate(ctx, tx, row, s.set.MaxTemplates)
		} else {
			saved, err = updateTemplate(ctx, tx, row)
		}
		if err != nil {
			return fmt.Errorf("save a template: %w", err)
		}
		if !saved {
			return errNotSaved
		}
		return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.TemplateSaved, SubjectKind: "template", SubjectID: t.ID, PracticeID: by.PracticeID})
	})
	if errors.Is(err, errNotSaved) {
		return s.notSaved(ctx, by, t)
	}
	return err
}

// errNotSaved ends an act that found another version than the writer had seen.
var errNotSaved = errors.New("mail: another version is stored")

// notSaved says why a template was not saved: nothing is wrong when it is stored just so.
func (s *Service) notSaved(ctx context.Context, by actor.Actor, t Template) error {
	stored, err := s.template(ctx, by, t.ID)
	switch {
	case fault.Is(err, fault.NotFound) && t.Version == 0:
		return fault.Field("title", fmt.Sprintf("Your practice has %s templates already, the most it can have. Delete one first.", thousands(s.set.MaxTemplates)))
	case fault.Is(err, fault.NotFound):
		return fault.New(fault.Conflict, "This template was deleted in another window. Nothing you typed is lost: select Save to store it as a new one.")
	case err != nil:
		return err
	case stored.Title == t.Title && stored.Body == t.Body:
		return nil
	}
	return fault.New(fault.Conflict, "This template was changed in another window. Nothing you typed is lost: check it and select Save again.")
}

func checkTemplate(t Template) error {
	var f fault.Fields
	if blank(t.Title) {
		f.Add("title", "Enter a title")
	}
	tooLong(&f, "title", "Title", t.Title, maxTitle)
	if blank(t.Body) {
		f.Add("body", "Enter a text")
	}
	tooLong(&f, "body", "Text", t.Body, maxTemplate)
	if unknown := unknownPlaceholders(t.Body); len(unknown) > 0 && utf8.RuneCountInString(t.Body) <= maxTemplate {
		f.Add("body", strings.Join(unknown, ", ")+" cannot be filled in. Use "+placeholderList()+".")
	}
	return f.Err()
}

// DeleteTemplate removes a template of the actor's practice.
func (s *Service) DeleteTemplate(ctx context.Context, by actor.Actor, id string) error {
	if err := mayWriteTemplates(by); err != nil {
		return err
	}
	err := s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		found, err := deleteTemplate(ctx, tx, by.PracticeID, id)
		if err != nil {
			return fmt.Errorf("delete a template: %w", err)
		}
		if !found {
			return fault.ErrNotFound()
		}
		return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.TemplateDeleted, SubjectKind: "template", SubjectID: id, PracticeID: by.PracticeID})
	})
	if fault.Is(err, fault.NotFound) {
		return s.refuse(ctx, by, "template", id)
	}
	return err
}
