-- A user's files by the time at which they were changed or came, the later one. It takes the place of the index on
-- user_id alone, so that a new file has as many entries to write as before.
create index file_nodes_recent on file_nodes (user_id, greatest(created_at, modified_at) desc);
drop index file_nodes_user;

-- Marks are few, and nobody else's writes touch this.
create index file_nodes_favorite on file_nodes (user_id, name, id) where is_favorite;
