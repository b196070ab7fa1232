-- +goose Up
-- With the folder among its columns this index answers as many conditions as mail_member_folder does, and is the smaller:
-- without it SQLite counts and lists what is unread by passing the whole Inbox.
DROP INDEX mail_member_unread;
CREATE INDEX mail_member_unread ON mail_member (user_id, folder, last_at, thread_id) WHERE unread AND folder = 'inbox';
