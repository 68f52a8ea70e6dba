-- A search reads what waits to come into the index from end to end: 4 MB, which is the default, are a hundred
-- milliseconds. Flushed sixty times as often, it costs a new name little more.
alter index node_names_search set (gin_pending_list_limit = 64);
